//! Whether a server lets go of connections, and when: servers that do, and servers that do not.

mod http_idle;
mod leak;
mod server;
mod time_wait;
