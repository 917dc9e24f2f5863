//! The process and the system it runs on.

use std::time::Duration;

use windows_sys::Wdk::System::SystemServices::RtlGetVersion;
use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::System::SystemInformation::OSVERSIONINFOW;
use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetProcessTimes};

use crate::types::CpuTime;

pub(crate) fn process_cpu_time() -> Option<CpuTime> {
    // SAFETY: takes nothing and returns a handle that is always valid and need not be closed.
    let process = unsafe { GetCurrentProcess() };
    let [mut created, mut exited, mut kernel, mut user] = [FILETIME::default(); 4];
    // SAFETY: the handle is this process's, and all four pointers are to live structs.
    let ok = unsafe {
        GetProcessTimes(
            process,
            &raw mut created,
            &raw mut exited,
            &raw mut kernel,
            &raw mut user,
        )
    };
    (ok != 0).then(|| CpuTime {
        user: duration(user),
        system: duration(kernel),
    })
}

/// A FILETIME counts 100 ns.
fn duration(time: FILETIME) -> Duration {
    let ticks = (u64::from(time.dwHighDateTime) << 32) | u64::from(time.dwLowDateTime);
    let second = 10_000_000;
    let nanos = u32::try_from(ticks % second).map_or(0, |rest| rest * 100);
    Duration::new(ticks / second, nanos)
}

/// Not GetVersionEx, which tells a program without a manifest that it runs on Windows 8.
pub(crate) fn kernel_release() -> Option<String> {
    let mut version = OSVERSIONINFOW {
        dwOSVersionInfoSize: size_of::<OSVERSIONINFOW>() as u32,
        ..OSVERSIONINFOW::default()
    };
    // SAFETY: the pointer is to a live struct whose first field says how large it is.
    let status = unsafe { RtlGetVersion(&raw mut version) };
    (status >= 0).then(|| {
        let OSVERSIONINFOW {
            dwMajorVersion: major,
            dwMinorVersion: minor,
            dwBuildNumber: build,
            ..
        } = version;
        format!("{major}.{minor}.{build}")
    })
}
