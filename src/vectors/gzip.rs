//! Gzip, read and written.

use std::io::{self, BufRead, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use crate::error::Result;
use crate::file::{WholeFile, file_error};

/// A file being written, gzipped if its path ends in `.gz`; whole or not at all, as [`WholeFile`] has it.
pub(super) enum Output {
    Plain(WholeFile),
    Gzip(GzEncoder<WholeFile>),
}

impl Output {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = WholeFile::create(path)?;
        let gzipped = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        Ok(if gzipped { Self::Gzip(GzEncoder::new(file, Compression::default())) } else { Self::Plain(file) })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Gzip(file) => {
                let written = file.write_all(bytes);
                written.map_err(|error| file_error("writing", file.get_ref().target(), &error))
            }
        }
    }

    /// Brings the file to the disk, then gives it its name.
    pub(super) fn finish(self) -> Result<()> {
        match self {
            Self::Plain(file) => file.finish(),
            Self::Gzip(file) => {
                let target = file.get_ref().target().to_owned();
                file.finish().map_err(|error| file_error("writing", &target, &error))?.finish()
            }
        }
    }
}

/// Reads the members of a gzip file one after another, as one file. Zero bytes may follow each, as Python's `gzip` has
/// it too: tapes and some programs fill up blocks with them.
pub(super) struct Members<R> {
    /// `None` at the end.
    decoder: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    pub(super) fn new(stream: R) -> Self {
        Self { decoder: Some(GzDecoder::new(stream)) }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            let count = decoder.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            // Before the decoder is taken apart: after an interruption this is tried again.
            let more = skip_zeros(decoder.get_mut())?;
            self.decoder = self.decoder.take().filter(|_| more).map(|decoder| GzDecoder::new(decoder.into_inner()));
        }
        Ok(0)
    }
}

/// Takes zero bytes; whether something else follows.
fn skip_zeros(stream: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = stream.fill_buf()?;
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        if zeros == 0 {
            return Ok(!bytes.is_empty());
        }
        stream.consume(zeros);
    }
}
