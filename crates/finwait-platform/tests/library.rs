//! The life of Windows' socket library, counted. Alone in its process: one socket of the standard library would hold it
//! until the end, so that no count could be seen to reach zero.

#![cfg(all(windows, not(finwait_force_fallback)))]

use std::sync::Barrier;
use std::thread;

use finwait_platform::SocketLibrary;
use windows_sys::Win32::Networking::WinSock::{
    AF_INET, INVALID_SOCKET, SOCK_STREAM, SOCKET, SOCKET_ERROR, WSACleanup, WSAENOTSOCK,
    WSAGetLastError, WSANOTINITIALISED, closesocket, socket,
};

const THREADS: usize = 8;
const ROUNDS: usize = 100;

/// One test, for the count is the process's.
#[test]
fn every_start_is_given_back_exactly_once_from_any_thread() {
    assert_eq!(
        open().unwrap_err(),
        WSANOTINITIALISED,
        "somebody else holds it"
    );

    // Starts and drops in all threads at once, while one hold lives: none takes the hold away, ...
    let outer = SocketLibrary::start().unwrap();
    in_all_threads(|| {
        for _ in 0..ROUNDS {
            let (one, two) = (
                SocketLibrary::start().unwrap(),
                SocketLibrary::start().unwrap(),
            );
            close(open().unwrap());
            drop(one);
            close(open().unwrap());
            drop(two);
        }
    });
    close(open().unwrap());
    // ... and none has left one of its own behind.
    drop(outer);
    assert_eq!(open().unwrap_err(), WSANOTINITIALISED, "a start too many");

    // Without it: each thread's last drop may be the one that closes the library.
    in_all_threads(|| {
        for _ in 0..ROUNDS {
            let held = SocketLibrary::start().unwrap();
            close(open().unwrap());
            drop(held);
        }
    });
    assert_eq!(open().unwrap_err(), WSANOTINITIALISED, "a start too many");
    // SAFETY: takes nothing; without a start it does nothing but say so.
    assert_eq!(unsafe { WSACleanup() }, SOCKET_ERROR);
    assert_eq!(last_error(), WSANOTINITIALISED, "exactly zero");

    // Made in one thread, dropped in others, in any order.
    let holds: Vec<_> = (0..THREADS)
        .map(|_| SocketLibrary::start().unwrap())
        .collect();
    let mut droppers: Vec<_> = { holds.into_iter() }
        .map(|held| thread::spawn(move || drop(held)))
        .collect();
    let last = SocketLibrary::start().unwrap();
    for dropper in droppers.drain(..) {
        dropper.join().unwrap();
    }
    close(open().unwrap());
    let left_open = open().unwrap();
    drop(last);
    assert_eq!(open().unwrap_err(), WSANOTINITIALISED);

    // What was still open is a socket no more when the library comes back.
    let _again = SocketLibrary::start().unwrap();
    // SAFETY: takes a number; a handle that is none is an error.
    assert_eq!(unsafe { closesocket(left_open) }, SOCKET_ERROR);
    assert_eq!(last_error(), WSAENOTSOCK);
}

fn in_all_threads(work: impl Fn() + Sync) {
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                barrier.wait();
                work();
            });
        }
    });
}

/// A raw call, which does not start the library as the standard library would.
fn open() -> Result<SOCKET, i32> {
    // SAFETY: takes three numbers.
    let opened = unsafe { socket(AF_INET.into(), SOCK_STREAM, 0) };
    if opened == INVALID_SOCKET {
        Err(last_error())
    } else {
        Ok(opened)
    }
}

fn close(socket: SOCKET) {
    // SAFETY: takes a number; a handle that is none is an error.
    assert_eq!(unsafe { closesocket(socket) }, 0, "{}", last_error());
}

fn last_error() -> i32 {
    // SAFETY: takes nothing and reads a number of this thread.
    unsafe { WSAGetLastError() }
}
