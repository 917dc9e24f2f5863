//! The few facts on which Windows and all Unix systems disagree.

/// A borrowed socket: what every function on sockets here takes.
pub use std::os::windows::io::AsSocket;

use std::ffi::{CStr, c_char};
use std::io;

use windows_sys::Win32::Networking::WinSock::{
    WSAEWOULDBLOCK, WSAHOST_NOT_FOUND, WSANO_DATA, WSATRY_AGAIN,
};
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleA, GetProcAddress};
use windows_sys::s;

use crate::errors::Entry;
use crate::types::LookupError;

/// What a non-blocking `connect` that is under way fails with.
pub(crate) const CONNECT_STARTED: i32 = WSAEWOULDBLOCK;

/// On Windows SO_REUSEADDR would make the port one that a second process may take over; TIME-WAIT
/// does not stand in the way of `bind` there, so nothing is lost without it. Why not its opposite,
/// SO_EXCLUSIVEADDRUSE, is told at [`listen`](crate::listen).
pub(crate) const LISTEN_REUSES_ADDRESS: bool = false;

/// Numbers of getaddrinfo are those of all other calls here, and named in the same table.
pub(crate) fn lookup_entry(_: &io::Error) -> Option<&'static Entry> {
    None
}

pub(crate) fn classify_lookup_error(error: &io::Error) -> LookupError {
    match error.raw_os_error() {
        Some(WSAHOST_NOT_FOUND | WSANO_DATA) => LookupError::NotFound,
        Some(WSATRY_AGAIN) => LookupError::Temporary,
        _ => LookupError::Other,
    }
}

/// Wine exports a function that Windows does not have.
pub(crate) fn wine_version() -> Option<String> {
    // SAFETY: the name ends in a zero byte, and ntdll is in every process and stays there.
    let ntdll = unsafe { GetModuleHandleA(s!("ntdll.dll")) };
    // SAFETY: a module that is not there is null, which is allowed; the name ends in a zero byte.
    let found = unsafe { GetProcAddress(ntdll, s!("wine_get_version")) }?;
    // SAFETY: the function's type, as Wine documents it for programs that ask: no arguments, a C string back.
    let wine_get_version: unsafe extern "C" fn() -> *const c_char =
        unsafe { std::mem::transmute(found) };
    // SAFETY: of the type given, as above.
    let version = unsafe { wine_get_version() };
    if version.is_null() {
        return Some(String::new());
    }
    // SAFETY: a C string that lives as long as ntdll.
    let version = unsafe { CStr::from_ptr(version) };
    Some(version.to_string_lossy().into_owned())
}
