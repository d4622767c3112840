//! Words to numbers without a vocabulary: Keras's `hashing_trick` and `one_hot`.

use md5::{Digest, Md5};

use super::splitter::WordSplitter;
use crate::error::{Error, Result};

/// Each word's number, `md5(word) % (n - 1) + 1`, as Keras's `hashing_trick(text, n, hash_function="md5")`.
///
/// Numbers are from 1 to `n - 1`, so a table of `n` rows has them all, and 0 for padding; different words may share one.
/// The digest of the word's UTF-8 is read as a number of 128 bits, most significant byte first.
///
/// ```
/// use wgpu_embedding::text::{WordSplitter, hashing_trick};
///
/// assert_eq!(hashing_trick("The cat, the hat", 1_000, &WordSplitter::default())?, [132, 759, 132, 897]);
/// # Ok::<(), wgpu_embedding::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::InvalidConfig`] if `n` is below 2, or the splitter's settings split no text.
pub fn hashing_trick(text: &str, n: u32, splitter: &WordSplitter) -> Result<Vec<u32>> {
    if n < 2 {
        return Err(Error::InvalidConfig(format!("n must be at least 2, for numbers from 1 to n - 1, and is {n}")));
    }
    let buckets = u128::from(n - 1);
    let mut numbers = Vec::new();
    splitter.for_each_word(text, |word| {
        let hash = u128::from_be_bytes(Md5::digest(word.as_bytes()).into());
        // Below n, which is a u32.
        numbers.push((hash % buckets) as u32 + 1);
    })?;
    Ok(numbers)
}

/// [`hashing_trick`] by the name of Keras's `one_hot`, which gives numbers too, and no vectors.
///
/// Keras's own `one_hot` takes Python's `hash`, which gives other numbers in each process; md5 gives the same ones always.
///
/// # Errors
///
/// As [`hashing_trick`].
pub fn one_hot(text: &str, n: u32, splitter: &WordSplitter) -> Result<Vec<u32>> {
    hashing_trick(text, n, splitter)
}
