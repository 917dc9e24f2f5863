//! What a test says that needs IP_LOCAL_PORT_RANGE, of a system that does not take it.

use super::skipped::skipped;

/// Where all must be tested this fails only of a kernel that says that it is new enough: that of
/// Debian 12 is Linux 6.1, and neither a package nor a privilege gives it what came with 6.3. The
/// same holds of other systems, and of the fallback, which knows of no release.
#[track_caller]
pub(crate) fn skipped_without_port_range(release: Option<String>) {
    let release = release.filter(|_| cfg!(target_os = "linux"));
    if release.as_deref().is_some_and(is_since_6_3) {
        skipped("IP_LOCAL_PORT_RANGE, which Linux has since 6.3");
    } else {
        println!("skipped: needs Linux 6.3");
    }
}

fn is_since_6_3(release: &str) -> bool {
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(6), Some(3))
}
