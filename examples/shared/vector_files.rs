//! What the programs that read word vectors do alike: flaws are skipped by one option, and errors name the program's
//! options in place of the crate's calls.

use wgpu_embedding::Error;
use wgpu_embedding::vectors::{Problem, ReadOptions};

/// Options by which every flawed vector is left out and counted.
pub fn skip_bad(options: ReadOptions) -> ReadOptions {
    Problem::ALL.into_iter().fold(options, ReadOptions::with_skip)
}

/// The error in the words of a program that has `--skip-bad`, and `--width N` if `has_width`.
pub fn in_words(error: &Error, has_width: bool) -> String {
    let Error::Malformed { what, place, problem } = error else {
        return error.to_string();
    };
    if let Some((problem, _)) = problem.split_once("; to skip and count these, ") {
        return format!("{what}, {place}: {problem}; give --skip-bad to leave out and count whatever is wrong");
    }
    let (width, none) = ("give ReadOptions::with_width", "; mend the file there, or give another");
    let problem = match problem.split_once(width) {
        Some((problem, _)) if has_width => format!("{problem}give --width N"),
        // What comes before it, without the clause that it ends.
        Some((problem, _)) => {
            let problem = problem.trim_end_matches("; ").trim_end_matches(", or, where they belong to the words, ");
            if problem.contains("; ") { problem.to_owned() } else { format!("{problem}{none}") }
        }
        None if problem.contains("; ") => problem.clone(),
        None => format!("{problem}{none}"),
    };
    format!("{what}, {place}: {problem}")
}
