use crate::config::PADDING;

/// How many indices are outside `0..input_dim`, but for [`PADDING`], and the first position at which one stands.
pub fn index_check(indices: &[u32], input_dim: u32) -> Option<(u64, u32)> {
    let mut outside = (0u32..).zip(indices).filter(|&(_, &index)| index >= input_dim && index != PADDING);
    let (first, _) = outside.next()?;
    Some((1 + outside.count() as u64, first))
}
