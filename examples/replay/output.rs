//! The file that comes out: opened before the run, and there only once it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Dropped unfinished, it leaves nothing behind.
pub struct Output {
    file: File,
    path: PathBuf,
    /// Where the bytes go until they are all there; none if they go to `path` itself.
    partial: Option<PathBuf>,
}

impl Output {
    pub fn create(path: &Path) -> io::Result<Self> {
        // A device or a pipe takes the bytes itself: renamed over, /dev/null would be a plain file from then on.
        let is_special = fs::metadata(path).is_ok_and(|found| !found.is_file());
        let partial = (!is_special).then(|| path.with_file_name(format!(".replay.{}.partial", std::process::id())));
        let file = match &partial {
            Some(partial) => File::create(partial)?,
            None => OpenOptions::new().write(true).open(path)?,
        };
        Ok(Self { file, path: path.to_owned(), partial })
    }

    pub fn finish(mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        if let Some(partial) = &self.partial {
            fs::rename(partial, &self.path)?;
            self.partial = None;
        }
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            let _ = fs::remove_file(partial);
        }
    }
}
