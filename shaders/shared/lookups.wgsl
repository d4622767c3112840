// A batch's indices in batch order, as they were given.

struct Lookups {
    count: u32,
}

@group(1) @binding(0) var<uniform> lookups: Lookups;
@group(1) @binding(1) var<storage, read> indices: array<u32>;
