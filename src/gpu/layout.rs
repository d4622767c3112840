//! How a table is laid out on a device: quads, threads a row, shards. Pure arithmetic.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::storage::Storage;

/// Bytes in a quad: four f32.
pub(crate) const QUAD_BYTES: u64 = 16;

/// No shard is larger, whatever the device allows, so that quad numbers stay far inside u32.
const MAX_SHARD_BYTES: u64 = 4 << 30;

/// Each shard costs buffers, and a dispatch in each call.
const MAX_SHARDS: u32 = 4_096;

/// The offset alignment that WebGPU guarantees to suffice for a storage binding, in bytes.
const OFFSET_ALIGNMENT: u64 = 256;

/// A table's layout. Batches made for one table serve every table of the same layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TableLayout {
    pub input_dim: u32,
    pub output_dim: u32,
    pub rows_per_shard: u32,
}

impl TableLayout {
    /// Splits a table so that a shard of it, as quads of weights, of `arrays` state arrays of one number a weight, or as the
    /// caller's dense floats, fits one binding.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] or [`Error::BeyondKernels`] if not even a single row fits.
    pub(crate) fn new(
        input_dim: u32,
        output_dim: u32,
        arrays: u32,
        max_shard_bytes: Option<u64>,
        limits: &wgpu::Limits,
    ) -> Result<Self> {
        let layout = Self { input_dim, output_dim, rows_per_shard: 0 };
        let (limit, granted) = if limits.max_buffer_size < limits.max_storage_buffer_binding_size {
            ("max_buffer_size", limits.max_buffer_size)
        } else {
            ("max_storage_buffer_binding_size", limits.max_storage_buffer_binding_size)
        };
        let device_bytes = granted.min(MAX_SHARD_BYTES);
        // Of the weights, for which the largest record leaves this.
        let available = device_bytes / u64::from(arrays.max(1));
        let asked = max_shard_bytes.unwrap_or(u64::MAX).min(available);
        // Shards start at such rows that the caller's dense gradient can be bound from there.
        let granule = OFFSET_ALIGNMENT / greatest_common_divisor(u64::from(output_dim) * 4, OFFSET_ALIGNMENT);
        let rows = (asked / layout.row_bytes() / granule * granule).min(u64::from(input_dim));
        if rows == 0 {
            let least_rows = granule.min(u64::from(input_dim));
            let required = layout.row_bytes() * least_rows;
            if let Some(given) = max_shard_bytes.filter(|&bytes| bytes < required && required <= available) {
                return Err(Error::InvalidConfig(format!(
                    "max_shard_bytes must hold at least {least_rows} rows, {required} bytes, and is {given}"
                )));
            }
            // A table of fewer rows than a granule is one shard, so alignment does not matter.
            if u64::from(input_dim) <= granule && required <= available {
                return Ok(Self { rows_per_shard: input_dim, ..layout });
            }
            let what = "a group of rows, the smallest part a table is split in,";
            let (required, remedy) = (required * u64::from(arrays.max(1)), "use a smaller output_dim");
            return Err(if granted <= MAX_SHARD_BYTES {
                Error::TooLarge { what, required, limit, available: granted, remedy }
            } else {
                Error::BeyondKernels { what, required, available: MAX_SHARD_BYTES, remedy }
            });
        }
        let layout = Self { rows_per_shard: rows as u32, ..layout };
        if layout.shard_count() > MAX_SHARDS {
            return Err(Error::InvalidConfig(format!(
                "the table would be split in {} shards of {} bytes, and {MAX_SHARDS} are the most; use a larger \
                 max_shard_bytes, or a device with larger bindings",
                layout.shard_count(),
                rows * layout.row_bytes()
            )));
        }
        Ok(layout)
    }

    /// Quads in a row.
    pub(crate) fn quads(&self) -> u32 {
        self.output_dim.div_ceil(4)
    }

    /// Bytes of a row's weights as the table stores them.
    pub(crate) fn weight_bytes(&self, storage: Storage) -> u64 {
        u64::from(self.quads()) * 4 * u64::from(storage.bytes())
    }

    /// Bytes of a row of f32, in whole quads.
    pub(crate) fn row_bytes(&self) -> u64 {
        u64::from(self.quads()) * QUAD_BYTES
    }

    /// Bytes of a row as the caller sees it: `output_dim` floats.
    pub(crate) fn dense_row_bytes(&self) -> u64 {
        u64::from(self.output_dim) * 4
    }

    /// How many shards the table has, at least 1.
    pub(crate) fn shard_count(&self) -> u32 {
        self.input_dim.div_ceil(self.rows_per_shard)
    }

    /// The rows of each shard, in order.
    pub(crate) fn shards(&self) -> impl Iterator<Item = Range<u32>> + use<> {
        let Self { input_dim, rows_per_shard, .. } = *self;
        (0..self.shard_count()).map(move |shard| {
            let first = shard * rows_per_shard;
            first..first.saturating_add(rows_per_shard).min(input_dim)
        })
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(bytes: u64) -> wgpu::Limits {
        wgpu::Limits { max_storage_buffer_binding_size: bytes, max_buffer_size: bytes, ..Default::default() }
    }

    fn layout(input_dim: u32, output_dim: u32, bytes: u64) -> Result<TableLayout> {
        TableLayout::new(input_dim, output_dim, 0, None, &limits(bytes))
    }

    #[test]
    fn shards_cover_the_table_in_order_and_fit() {
        for (input_dim, output_dim, bytes) in [
            (1, 1, 128 << 20),
            (1_000_000, 64, 128 << 20),
            (1_000_000, 65, 128 << 20),
            (7, 64, 256),
            (64, 1, 1024),
            (65, 1, 1024),
            (1 << 30, 1024, 4 << 30),
        ] {
            let layout = layout(input_dim, output_dim, bytes).unwrap();
            let mut next = 0;
            for rows in layout.shards() {
                assert_eq!(rows.start, next);
                assert!(rows.end > rows.start);
                assert!(rows.len() as u64 * layout.row_bytes() <= bytes);
                assert_eq!(u64::from(rows.start) * layout.dense_row_bytes() % OFFSET_ALIGNMENT, 0);
                next = rows.end;
            }
            assert_eq!(next, input_dim);
        }
        assert_eq!(layout(1_000_000, 64, 128 << 20).unwrap().shard_count(), 2);
        // Two arrays side by side take twice as many.
        assert_eq!(TableLayout::new(1_000_000, 64, 2, None, &limits(128 << 20)).unwrap().shard_count(), 4);
    }

    #[test]
    fn a_row_larger_than_a_binding_is_an_error() {
        assert!(matches!(layout(10, 1024, 2048), Err(Error::TooLarge { required: 4096, available: 2048, .. })));
        // The device's own limits do not matter to a row that the kernels cannot number.
        let beyond = layout(10, 1 << 31, 1 << 40);
        assert!(
            matches!(beyond, Err(Error::BeyondKernels { required, available: MAX_SHARD_BYTES, .. }) if required == 1 << 33)
        );
        // 63 rows of one float need no granule of 64, for they are one shard.
        assert_eq!(layout(63, 1, 63 * 16).unwrap().rows_per_shard, 63);
        assert!(matches!(layout(u32::MAX - 1, 1024, 1 << 30), Err(Error::InvalidConfig(_))));
        let small = TableLayout::new(100, 64, 0, Some(100), &limits(1 << 20));
        assert!(matches!(small, Err(Error::InvalidConfig(_))));
    }
}
