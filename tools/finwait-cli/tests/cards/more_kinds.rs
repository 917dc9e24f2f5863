//! More servers, and other settings of one.

use crate::kinds::{Kind, LARGE, NGINX, Place, SMALL};

fn nginx_with(place: &Place<'_>, setting: &str) -> String {
    let usual = (NGINX.configuration)(place);
    usual.replacen("server {", &format!("{setting} server {{"), 1)
}

pub(crate) const NGINX_OFF: Kind = Kind {
    configuration: |place| nginx_with(place, "lingering_close off;"),
    ..NGINX
};

pub(crate) const NGINX_ALWAYS: Kind = Kind {
    configuration: |place| nginx_with(place, "lingering_close always;"),
    ..NGINX
};

/// What `python3 -m http.server` runs, on an address of ours.
pub(crate) const PYTHON: Kind = Kind {
    name: "python3",
    version: "--version",
    configuration: python,
    arguments: &["conf"],
    finish: "INT",
};

fn python(place: &Place<'_>) -> String {
    let (ip, port) = (place.addr.ip(), place.addr.port());
    format!(
        "import functools, http.server\n\
         handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory='files')\n\
         http.server.ThreadingHTTPServer(('{ip}', {port}), handler).serve_forever()\n"
    )
}

/// With a handler that reads nothing of a body, as most examples have it.
pub(crate) const NODE: Kind = Kind {
    name: "node",
    version: "--version",
    configuration: node,
    arguments: &["./conf"],
    finish: "INT",
};

fn node(place: &Place<'_>) -> String {
    let (ip, port) = (place.addr.ip(), place.addr.port());
    format!(
        "const sizes = {{ '/': {SMALL}, '/large': {LARGE}, '/slow': 5 }};
        require('http').createServer((request, response) => {{
            const size = sizes[request.url];
            if (size === undefined) {{
                response.statusCode = 404;
                response.end();
                return;
            }}
            const answer = () => response.end(Buffer.alloc(size, 'x'));
            setTimeout(answer, request.url === '/slow' ? 700 : 0);
        }}).listen({port}, '{ip}');"
    )
}
