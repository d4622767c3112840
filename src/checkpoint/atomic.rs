//! A file that is there whole or not at all.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::file_error;
use crate::error::Result;

/// A file being written under a temporary name beside its own.
///
/// [`finish`](Self::finish) renames it; dropped before, it is removed. Only a killed process leaves one, which is called
/// `.NAME.XXXXXX.partial`, NAME being the file's own.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    file: BufWriter<NamedTempFile>,
    target: PathBuf,
}

impl AtomicFile {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let failed = |error: io::Error| file_error("writing", path, &error);
        // Through a link, which a rename would take the place of.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        // A rename puts a file in the place of a device or a pipe, too.
        if fs::metadata(&target).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "there is something that is not a file")));
        }
        let Some(name) = target.file_name() else {
            return Err(failed(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the path does not end in a file's name",
            )));
        };
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(name);
        prefix.push(".");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(".partial");
        // A temporary file is its owner's alone; this will be one like others, less what the umask takes.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(directory_of(&target)).map_err(failed)?;
        Ok(Self { file: BufWriter::with_capacity(1 << 20, file), target })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| file_error("writing", &self.target, &error))
    }

    /// Writes floats as safetensors has them, little-endian.
    pub(crate) fn write_floats(&mut self, values: &[f32]) -> Result<()> {
        let mut bytes = Vec::with_capacity(values.len().min(1 << 16) * 4);
        for values in values.chunks(1 << 16) {
            bytes.clear();
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            self.write(&bytes)?;
        }
        Ok(())
    }

    /// Brings the file to the disk, then gives it its name.
    pub(crate) fn finish(self) -> Result<()> {
        let Self { file, target } = self;
        let failed = |doing: &'static str| move |error: io::Error| (doing, error);
        let finish = || {
            let file = file.into_inner().map_err(|error| ("writing", error.into_error()))?;
            file.as_file().sync_all().map_err(failed("writing"))?;
            file.persist(&target).map_err(|error| ("renaming", error.error))?;
            sync_directory(directory_of(&target)).map_err(failed("syncing the folder of"))
        };
        finish().map_err(|(doing, error)| file_error(doing, &target, &error))
    }
}

/// Where the file lies.
fn directory_of(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Brings the name to the disk too, on file systems that can; others have no more to give than the rename.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    // Its own permission to be read is not asked for by anything else here.
    let Ok(directory) = fs::File::open(directory) else { return Ok(()) };
    match directory.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
