//! Files that a user has named for results.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// An empty file of this name; or what is there, if it is a device, which cannot be emptied.
pub(crate) fn create(name: &str) -> io::Result<File> {
    File::create(name).or_else(|error| {
        // `NUL`, `nul`, and up to Windows 10 `C:\logs\NUL`: a device, of which emptying it may fail.
        let is_nul = Path::new(name)
            .file_name()
            .is_some_and(|last| last.eq_ignore_ascii_case("nul"));
        if cfg!(windows) && is_nul {
            OpenOptions::new().write(true).open(name)
        } else {
            Err(error)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_nul_is_a_device_is_it_taken_as_one() {
        let missing = create("/nonexistent/folder/results").unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        if cfg!(windows) {
            for name in ["NUL", "nul"] {
                create(name).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        } else {
            let missing = create("/nonexistent/folder/NUL").unwrap_err();
            assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        }
    }
}
