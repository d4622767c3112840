//! A file that is there as a whole or not at all.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::NamedTempFile;

use super::input::file_error;
use crate::error::Result;

const BUFFER_BYTES: usize = 256 << 10;

/// Written under a temporary name beside its own; dropped unfinished, it leaves nothing.
pub(super) struct WholeFile {
    path: PathBuf,
    bytes: Bytes,
}

enum Bytes {
    Plain(BufWriter<NamedTempFile>),
    Gzip(GzEncoder<BufWriter<NamedTempFile>>),
}

impl WholeFile {
    /// Gzipped if the path ends in `.gz`.
    pub(super) fn create(path: &Path) -> Result<Self> {
        Self::start(path, path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz")))
    }

    /// Never gzipped.
    pub(super) fn create_plain(path: &Path) -> Result<Self> {
        Self::start(path, false)
    }

    fn start(path: &Path, gzip: bool) -> Result<Self> {
        let failed = |error: io::Error| file_error("writing", path, &error);
        // Through a link, which a rename would take the place of, as it would of a device or a pipe.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if fs::metadata(&target).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "there is something that is not a file")));
        }
        // A bare name's parent is the empty path.
        let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".").suffix(".part");
        // What File::create would give, less the umask; a temporary file is the owner's alone otherwise.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(directory).map_err(failed)?;
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        let bytes = if gzip { Bytes::Gzip(GzEncoder::new(file, Compression::default())) } else { Bytes::Plain(file) };
        Ok(Self { path: target, bytes })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = match &mut self.bytes {
            Bytes::Plain(file) => file.write_all(bytes),
            Bytes::Gzip(file) => file.write_all(bytes),
        };
        written.map_err(|error| file_error("writing", &self.path, &error))
    }

    /// Writes what is left, waits until it is on the disk, and renames.
    pub(super) fn finish(self) -> Result<()> {
        let flush = |bytes| -> io::Result<NamedTempFile> {
            let file: BufWriter<NamedTempFile> = match bytes {
                Bytes::Plain(file) => file,
                Bytes::Gzip(file) => file.finish()?,
            };
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            Ok(file)
        };
        let file = flush(self.bytes).map_err(|error| file_error("writing", &self.path, &error))?;
        file.persist(&self.path).map_err(|error| file_error("renaming", &self.path, &error.error))?;
        Ok(())
    }
}
