//! How much memory this machine has left, where that can be told.

use crate::error::{Error, Result};

/// Checks that the machine's own memory has room for `required` bytes, before any is taken.
///
/// For the CPU reference and for software adapters. Systems promise memory that they do not have and end the process when
/// it is used, so a failed allocation cannot be waited for. Where the system does not tell, nothing is checked.
pub(crate) fn check_room_for(what: &'static str, required: u64) -> Result<()> {
    match available() {
        Some(available) if required > available => Err(Error::OutOfMemory {
            what,
            required,
            reason: format!("it would be in the machine's own memory, which has {available} bytes left"),
        }),
        _ => Ok(()),
    }
}

#[cfg(target_os = "linux")]
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    parse_available(&text)
}

#[cfg(not(target_os = "linux"))]
fn available() -> Option<u64> {
    None
}

/// `MemAvailable:   12345 kB`, in bytes.
#[cfg(any(target_os = "linux", test))]
fn parse_available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_is_read_and_nonsense_is_not() {
        assert_eq!(parse_available("MemTotal: 9 kB\nMemAvailable:    1234 kB\n"), Some(1234 * 1024));
        for nonsense in ["", "MemAvailable:", "MemAvailable: x kB", "MemAvailable: 18446744073709551615 kB"] {
            assert_eq!(parse_available(nonsense), None);
        }
    }
}
