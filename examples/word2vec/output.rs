//! Where the report is written.

use std::io::{self, Write};

/// Writes to `to`, and may go on when its reader has gone, as in `| head`.
pub struct Output<W> {
    pub to: W,
    /// Whether a broken pipe is no error: what nobody reads is dropped.
    pub outlives_reader: bool,
}

impl<W> Output<W> {
    fn unless_unread<T>(&self, result: io::Result<T>, unread: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe && self.outlives_reader => Ok(unread),
            result => result,
        }
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes);
        self.unless_unread(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.to.flush();
        self.unless_unread(flushed, ())
    }
}
