//! The command `finwait`; see the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    finwait_cli::main()
}
