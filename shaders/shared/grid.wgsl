// One thread per piece of work, numbered through a grid that may be folded in two dimensions.
//
// A dispatch has at most 65,535 workgroups a dimension, so the host folds larger grids (src/gpu/grid.rs) and may
// launch a few workgroups too many: every kernel checks its thread number against its own count.

const WORKGROUP_SIZE: u32 = 256u;

fn thread_number(workgroup: vec3<u32>, grid: vec3<u32>, local: u32) -> u32 {
    return (workgroup.y * grid.x + workgroup.x) * WORKGROUP_SIZE + local;
}
