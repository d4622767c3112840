//! Where the vectors go.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::{fs, io};

use wgpu_embedding::GpuEmbedding;
use wgpu_embedding::vectors::{Format, Vocabulary, write_vectors};

use crate::Result;

/// Writes the table's rows for these words in word2vec's own format: in binary if the file's name ends in .bin, else as
/// text; gzipped if it ends in .gz too.
pub fn save(path: &Path, words: &[String], table: &GpuEmbedding) -> Result<()> {
    let vocabulary = Vocabulary::from_words(words)?;
    Ok(write_vectors(path, format(path), &vocabulary, table.output_dim() as usize, |rows| table.rows(rows))?)
}

fn format(path: &Path) -> Format {
    let ends_in = |path: &Path, end| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(end));
    let binary = if ends_in(path, "gz") { ends_in(&path.with_extension(""), "bin") } else { ends_in(path, "bin") };
    if binary { Format::Word2vecBinary } else { Format::Word2vecText }
}

/// Whether `save` can be expected to write the file, which is not touched here. It must not be the text itself.
///
/// `save` writes a file beside it and renames that, so this is what is tried: such a file is made, and removed.
pub fn check(path: &Path, text: Option<&Path>) -> Result<()> {
    writable(path).map_err(|problem| format!("{}: cannot be written: {problem}", path.display()))?;
    // What is not there yet has no canonical path, and is no text.
    if let Some(text) = text
        && fs::canonicalize(path).is_ok_and(|output| fs::canonicalize(text).is_ok_and(|text| text == output))
    {
        return Err(format!("--output {} is the text to train on; give another file", path.display()).into());
    }
    Ok(())
}

fn writable(path: &Path) -> io::Result<()> {
    let refused = |problem| Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => return refused("there is something that is not a file"),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // A link stays, and the file that it leads to is written.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let ends_in_separator = target.to_string_lossy().ends_with(std::path::is_separator);
    let (Some(name), Some(folder), false) = (target.file_name(), target.parent(), ends_in_separator) else {
        return refused("the path does not end in a file's name");
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // As long as the name that it is written under.
    let prefix: OsString = [OsStr::new("."), name, OsStr::new(".")].into_iter().collect();
    tempfile::Builder::new().prefix(&prefix).suffix(".partial").tempfile_in(folder).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path, text: Option<&Path>) -> String {
        check(path, text).unwrap_err().to_string()
    }

    fn names(folder: &Path) -> Vec<OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn the_format_goes_by_the_name() {
        for binary in ["v.bin", "v.BIN", "v.bin.gz", "v.Bin.GZ", "a.txt/v.bin"] {
            assert_eq!(format(Path::new(binary)), Format::Word2vecBinary, "{binary}");
        }
        for text in ["v.txt", "v", "bin", ".bin", "v.bin.txt", "v.txt.gz", "v.gz", "v.gz.gz", "a.bin/v"] {
            assert_eq!(format(Path::new(text)), Format::Word2vecText, "{text}");
        }
    }

    #[test]
    fn a_check_leaves_the_folder_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.txt");
        check(&path, None).unwrap();
        check(&path, Some(&path)).unwrap();
        assert!(names(folder.path()).is_empty());
        fs::write(&path, "vectors").unwrap();
        check(&path, None).unwrap();
        assert_eq!(names(folder.path()), ["v.txt"]);
        assert_eq!(fs::read(&path).unwrap(), b"vectors");
    }

    #[test]
    fn what_cannot_become_a_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let cannot = |path: &Path, why: &str| {
            let refusal = refusal(path, None);
            assert!(refusal.starts_with(&format!("{}: cannot be written: ", path.display())), "{refusal}");
            assert!(refusal.contains(why), "{refusal}");
        };
        cannot(folder.path(), "not a file");
        cannot(&folder.path().join("v.txt/"), "does not end in a file's name");
        cannot(&folder.path().join("no/v.txt"), "");
        // A name that fits, but for what is put around it while the file is written.
        cannot(&folder.path().join("v".repeat(250)), "");
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        cannot(&file.join("v.txt"), "");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    #[cfg(unix)]
    fn links_are_followed_and_pipes_not_opened() {
        use std::os::unix::fs::symlink;

        let folder = tempfile::tempdir().unwrap();
        let [text, link, pipe] = ["text", "link", "pipe"].map(|name| folder.path().join(name));
        fs::write(&text, "a b").unwrap();
        symlink(&text, &link).unwrap();
        check(&link, None).unwrap();
        for [output, file] in [[&text, &text], [&link, &text], [&text, &link]] {
            let refusal = refusal(output, Some(file));
            assert_eq!(refusal, format!("--output {} is the text to train on; give another file", output.display()));
        }
        // Which would wait for a reader.
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        fs::remove_file(&link).unwrap();
        symlink(&pipe, &link).unwrap();
        for path in [&pipe, &link, Path::new("/dev/null")] {
            assert!(refusal(path, None).ends_with("there is something that is not a file"));
        }
    }
}
