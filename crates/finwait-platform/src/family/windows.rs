//! The few facts on which Windows and all Unix systems disagree.

/// A borrowed socket: what every function on sockets here takes.
pub use std::os::windows::io::AsSocket;

use std::ffi::{CStr, c_char};

use windows_sys::Win32::Networking::WinSock::WSAEWOULDBLOCK;
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleA, GetProcAddress};
use windows_sys::s;

/// What a non-blocking `connect` that is under way fails with.
pub(crate) const CONNECT_STARTED: i32 = WSAEWOULDBLOCK;

/// On Windows SO_REUSEADDR would let a second process take over a port in use; TIME-WAIT does
/// not stand in the way of `bind` there, so nothing is lost without it.
pub(crate) const LISTEN_REUSES_ADDRESS: bool = false;

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
