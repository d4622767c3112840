//! A file that is there whole or not at all.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Result};
#[cfg(all(feature = "files", not(target_arch = "wasm32")))]
use crate::storage::Storage;

const BUFFER_BYTES: usize = 1 << 20;

/// The longest name that is part of the temporary one.
const MAX_NAME_BYTES: usize = 200;

/// A file being written under a temporary name beside its own.
///
/// [`finish`](Self::finish) renames it; dropped before, it is removed. Only a killed process leaves one, which is called
/// `.NAME.XXXXXX.partial`, NAME being the file's own unless that is very long. It has the permissions of the file that it takes
/// the place of.
#[derive(Debug)]
pub(crate) struct WholeFile {
    target: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl WholeFile {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let failed = |error: io::Error| file_error("writing", path, &error);
        // Through a link to a file, which a rename would take the place of.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let old = fs::metadata(&target).ok();
        // A rename puts a file in the place of a device or a pipe, too.
        if old.as_ref().is_some_and(|old| !old.is_file()) {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "there is something that is not a file")));
        }
        let Some(name) = target.file_name() else {
            return Err(failed(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the path does not end in a file's name",
            )));
        };
        let mut prefix = OsString::from(".");
        // A file's name may have 255 bytes on most systems.
        if name.len() <= MAX_NAME_BYTES {
            prefix.push(name);
            prefix.push(".");
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(".partial");
        // A temporary file is its owner's alone; this will be one like others, less what the umask takes.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(directory_of(&target)).map_err(failed)?;
        // Whoever made the old file private did not mean the new one to be read by all.
        if let Some(old) = old {
            file.as_file().set_permissions(old.permissions()).map_err(failed)?;
        }
        Ok(Self { target, file: BufWriter::with_capacity(BUFFER_BYTES, file) })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| file_error("writing", &self.target, &error))
    }

    /// Where it will lie.
    #[cfg(feature = "vectors")]
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Goes to a place in the file, for what is written next.
    #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
    pub(crate) fn go_to(&mut self, place: u64) -> Result<()> {
        let found = io::Seek::seek(&mut self.file, io::SeekFrom::Start(place));
        found.map(drop).map_err(|error| file_error("writing", &self.target, &error))
    }

    /// Writes floats as safetensors has them, little-endian, rounded to nearest where the file's have fewer bits.
    #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
    pub(crate) fn write_floats(&mut self, storage: Storage, values: &[f32]) -> Result<()> {
        let mut bytes = Vec::with_capacity(values.len().min(1 << 16) * 4);
        for values in values.chunks(1 << 16) {
            bytes.clear();
            storage.encode(values, &mut bytes);
            self.write(&bytes)?;
        }
        Ok(())
    }

    /// Brings the file to the disk, then gives it its name.
    pub(crate) fn finish(self) -> Result<()> {
        let Self { target, file } = self;
        let flush = || {
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            Ok(file)
        };
        let file = flush().map_err(|error: io::Error| file_error("writing", &target, &error))?;
        file.persist(&target).map_err(|error| file_error("renaming", &target, &error.error))?;
        sync_directory(directory_of(&target)).map_err(|error| file_error("syncing the folder of", &target, &error))
    }
}

/// For what compresses on the way.
#[cfg(feature = "vectors")]
impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// What went wrong with a file, in this crate's words.
pub(crate) fn file_error(doing: &'static str, path: &Path, error: &io::Error) -> Error {
    Error::File { doing, path: path.to_owned(), kind: error.kind(), reason: error.to_string() }
}

/// Where the file lies; a bare name's parent is the empty path.
fn directory_of(target: &Path) -> &Path {
    target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
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

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn save(path: &Path, text: &str) {
        let mut file = WholeFile::create(path).unwrap();
        file.write(text.as_bytes()).unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), text);
    }

    #[test]
    fn a_private_file_stays_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table");
        save(&path, "old");
        for mode in [0o600, 0o640, 0o604] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            save(&path, "new");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn names_may_be_as_long_as_the_system_allows() {
        let folder = tempfile::tempdir().unwrap();
        for length in [200, 201, 240, 255] {
            save(&folder.path().join("n".repeat(length)), "text");
        }
    }
}
