//! Reserved ports, in a network namespace of the test's own: they are a setting of the machine.

use std::fs;
use std::io::{Error, ErrorKind};
use std::thread;

use finwait_platform::{local_port_range, local_reserved_ports};

use crate::skipped::skipped;
use crate::support::LINUX;

/// Longer than one read of a buffer of the usual sizes: the kernel does not go on with a second.
#[test]
fn a_long_list_of_reserved_ports_is_counted_to_its_end() {
    let every_second: Vec<_> = (40_000..50_000_u16).step_by(2).collect();
    let list: Vec<_> = every_second.iter().map(u16::to_string).collect();
    let in_namespace = move || {
        if let Err(error) = own_namespace().and_then(|()| reserve(&list.join(","))) {
            assert!(
                matches!(
                    error.kind(),
                    ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
                ),
                "{error}"
            );
            return skipped(&format!("a network namespace: {error}"));
        }
        if LINUX {
            // The range of a new namespace is the kernel's default.
            assert_eq!(local_port_range(), Some(32_768..=60_999));
            assert_eq!(local_reserved_ports(), Some(5_000));
        } else {
            assert_eq!(local_reserved_ports(), None);
        }
    };
    // A namespace is the thread's: the other tests keep theirs.
    thread::spawn(in_namespace).join().unwrap();
}

fn own_namespace() -> Result<(), Error> {
    // SAFETY: takes no pointer; it moves this thread alone, which ends with the test.
    match unsafe { libc::unshare(libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(Error::last_os_error()),
    }
}

fn reserve(list: &str) -> Result<(), Error> {
    fs::write("/proc/sys/net/ipv4/ip_local_reserved_ports", list)
}
