//! Files that a user has named for results.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// An empty file of this name; or what is there, if it is a device, which cannot be emptied.
pub(crate) fn create(name: &str) -> io::Result<File> {
    File::create(name).or_else(|error| {
        // `NUL`, `nul`, `C:\logs\NUL`: a device in every folder, of which creating it anew may fail.
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
