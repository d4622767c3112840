//! The bytes of a file, unpacked, through one window that lines and pieces are cut from without a copy.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::gzip::Members;
use crate::error::{Error, Result};
use crate::file::file_error;
use crate::file_kind::{START_BYTES, file_kind};

/// Bytes asked for at once, and the window's size until a longer line comes.
const BLOCK_BYTES: usize = 256 << 10;

/// A line has fewer bytes: a million numbers of 15 characters. A window of this size holds it, and grows no further.
pub(super) const MAX_LINE_BYTES: usize = 16 << 20;

/// The first bytes of gzip; no text begins so, for the second is no UTF-8.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What some programs put before a text in UTF-8; it is no part of it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

pub(super) struct Input<'a> {
    name: String,
    stream: Box<dyn Read + Send + 'a>,
    gzip: bool,
    /// The window: `buffer[start..end]` has been read, and not been taken.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    /// Bytes taken, all told, of what is unpacked.
    position: u64,
    /// The line that was last asked for, from 1.
    line: u64,
    /// Bytes that came from the file.
    bytes: Arc<AtomicU64>,
    total_bytes: Option<u64>,
}

impl Input<'static> {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |error: io::Error| file_error("opening", path, &error);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let total_bytes = metadata.is_file().then_some(metadata.len());
        Self::new(file, path.display().to_string(), total_bytes)
    }
}

impl<'a> Input<'a> {
    pub(super) fn new(stream: impl Read + Send + 'a, name: String, total_bytes: Option<u64>) -> Result<Self> {
        let bytes = Arc::new(AtomicU64::new(0));
        let mut stream = Counted { stream, bytes: bytes.clone() };
        let mut magic = Vec::with_capacity(GZIP_MAGIC.len());
        let head = Read::by_ref(&mut stream).take(GZIP_MAGIC.len() as u64).read_to_end(&mut magic);
        head.map_err(|error| file_error("reading", Path::new(&name), &error))?;
        let gzip = magic == GZIP_MAGIC;
        let stream = io::Cursor::new(magic).chain(stream);
        let stream: Box<dyn Read + Send + 'a> =
            if gzip { Box::new(Members::new(BufReader::new(stream))) } else { Box::new(stream) };
        let buffer = vec![0; BLOCK_BYTES];
        let mut input = Self {
            name,
            stream,
            gzip,
            buffer,
            start: 0,
            end: 0,
            ended: false,
            position: 0,
            line: 0,
            bytes,
            total_bytes,
        };
        if input.peek(BYTE_ORDER_MARK.len())? == BYTE_ORDER_MARK {
            input.take(BYTE_ORDER_MARK.len());
        }
        Ok(input)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }

    /// Bytes taken so far, of what is unpacked.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// What comes next, after a byte-order mark and not taken: at least one line, and what else fits the window. And
    /// whether that is all of it.
    pub(super) fn sample(&mut self) -> Result<(&[u8], bool)> {
        let (mut newline, mut searched) = (false, 0);
        loop {
            // Counted from `start`, for filling moves it.
            let length = self.end - self.start;
            newline |= memchr::memchr(b'\n', &self.buffer[self.start + searched..self.end]).is_some();
            searched = length;
            let enough = length >= BLOCK_BYTES && newline || length >= MAX_LINE_BYTES;
            if enough || !self.fill()? {
                break;
            }
        }
        if !newline && searched >= MAX_LINE_BYTES {
            return Err(self.too_long(format!("line {}", self.line + 1)));
        }
        Ok((&self.buffer[self.start..self.end], self.ended))
    }

    /// Takes the next line, without its newline; `None` at the end.
    pub(super) fn line(&mut self) -> Result<Option<&[u8]>> {
        self.line += 1;
        let mut searched = 0;
        loop {
            if let Some(found) = memchr::memchr(b'\n', &self.buffer[self.start + searched..self.end]) {
                let length = searched + found;
                let line = self.start..self.start + length;
                self.take(length + 1);
                return Ok(Some(&self.buffer[line]));
            }
            searched = self.end - self.start;
            if searched >= MAX_LINE_BYTES {
                return Err(self.too_long(self.line_place()));
            }
            if !self.fill()? {
                let line = self.start..self.end;
                self.take(searched);
                return Ok((searched > 0).then(|| &self.buffer[line]));
            }
        }
    }

    /// The next `count` bytes, not taken; fewer at the end.
    pub(super) fn peek(&mut self, count: usize) -> Result<&[u8]> {
        while self.end - self.start < count && self.fill()? {}
        Ok(&self.buffer[self.start..self.end.min(self.start + count)])
    }

    /// Makes an error of a file of another kind. Where any line may come first, only of one that is no text.
    pub(super) fn refuse_other_kinds(&mut self, any_text: bool) -> Result<()> {
        let start = self.peek(START_BYTES)?;
        // The last character may be cut off.
        let is_utf_8 = |error: std::str::Utf8Error| error.error_len().is_none();
        let is_text = || !start.contains(&0) && std::str::from_utf8(start).map_or_else(is_utf_8, |_| true);
        match file_kind(start) {
            None => Ok(()),
            Some(_) if start.is_empty() || any_text && is_text() => Ok(()),
            Some(kind) => Err(self.malformed("byte 0".to_owned(), kind.to_string())),
        }
    }

    /// Takes bytes that were looked at.
    pub(super) fn take(&mut self, count: usize) {
        debug_assert!(count <= self.end - self.start);
        self.start += count;
        self.position += count as u64;
    }

    /// Reads once; false at the end. The window doubles only when it is full, so it never outgrows what there is.
    fn fill(&mut self) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let count = loop {
            match self.stream.read(&mut self.buffer[self.end..]) {
                Ok(count) => break count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.read_error(&error)),
            }
        };
        self.end += count;
        self.ended = count == 0;
        Ok(!self.ended)
    }

    fn read_error(&self, error: &io::Error) -> Error {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        if self.gzip && matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof) {
            let place = format!("byte {} of what it unpacks to", self.position + (self.end - self.start) as u64);
            return self.malformed(place, format!("the gzip data is damaged or cut off ({error})"));
        }
        file_error("reading", Path::new(&self.name), error)
    }

    fn too_long(&self, place: String) -> Error {
        self.malformed(place, format!("a line must have fewer than {MAX_LINE_BYTES} bytes, and this has not"))
    }

    /// Lines that were asked for.
    pub(super) fn lines(&self) -> u64 {
        self.line
    }

    pub(super) fn line_place(&self) -> String {
        format!("line {}", self.line)
    }

    pub(super) fn malformed(&self, place: String, problem: String) -> Error {
        Error::Malformed { what: self.name.clone(), place, problem }
    }
}

struct Counted<R> {
    stream: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
