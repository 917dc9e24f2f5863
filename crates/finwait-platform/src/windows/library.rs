//! The life of the socket library.

use std::io;
use std::sync::{Mutex, PoisonError};

use windows_sys::Win32::Networking::WinSock::{
    WSACleanup, WSADATA, WSAStartup, WSAVERNOTSUPPORTED,
};

/// Starts and ends take turns: Wine 8 counts them without a lock, and two at once may be counted as one. That would close
/// the library under somebody who holds it.
static TURN: Mutex<()> = Mutex::new(());

/// One use of the library, given back on drop.
#[derive(Debug)]
pub(crate) struct SocketLibrary(());

impl SocketLibrary {
    pub(crate) fn start() -> io::Result<Self> {
        const VERSION_2_2: u16 = 0x0202;
        let mut data = WSADATA::default();
        let result = {
            let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
            // SAFETY: the call fills the struct behind the pointer, which is of the type it expects.
            unsafe { WSAStartup(VERSION_2_2, &raw mut data) }
        };
        // The error is the result itself: there is no library yet to keep a last error.
        if result != 0 {
            return Err(io::Error::from_raw_os_error(result));
        }
        // Counted already, so it is given back if it turns out to be older.
        let held = Self(());
        if data.wVersion == VERSION_2_2 {
            Ok(held)
        } else {
            Err(io::Error::from_raw_os_error(WSAVERNOTSUPPORTED))
        }
    }
}

impl Drop for SocketLibrary {
    fn drop(&mut self) {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        // A failure could only mean that the library is not started, which this value excludes.
        // SAFETY: pairs with the WSAStartup that made this value.
        let _ = unsafe { WSACleanup() };
    }
}
