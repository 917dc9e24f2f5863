use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};

use super::*;

/// Long enough for a machine under load; reached only by a test that fails.
const BOUND: Duration = Duration::from_secs(60);

/// A server's thread without a thread, so that a test decides what it is shown, and when.
struct Stepped {
    worker: Worker,
    addr: std::net::SocketAddr,
    counters: Arc<Counters>,
    /// What was there when it was last waited for something.
    batch: Events,
}

impl Stepped {
    fn new(behaviour: &str) -> Self {
        let options = Options {
            behaviour: behaviour.parse().unwrap(),
            limits: Limits {
                drain_idle: BOUND,
                drain_total: Some(BOUND),
                ..Limits::default()
            },
            ..Options::default()
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::new(&options).unwrap());
        let counters = Arc::<Counters>::default();
        let stop = Stop::new();
        let worker = Worker::new(listener, &options, shared, Arc::clone(&counters), &stop);
        Self {
            worker: worker.unwrap(),
            addr,
            counters,
            batch: Events::with_capacity(EVENTS_PER_TURN),
        }
    }

    /// Goes on until `reached`; the events that led there are `batch` then.
    #[track_caller]
    fn until(&mut self, what: &str, reached: impl Fn(&Slots) -> bool) {
        let end = Instant::now() + BOUND;
        loop {
            let now = Instant::now();
            self.worker.turn(now);
            if reached(&self.worker.connections) {
                return;
            }
            assert!(now < end, "not within {BOUND:?}: {what}");
            let wait = self.worker.timeout(now).map_or(BOUND, |at| at.min(BOUND));
            self.worker.poll.poll(&mut self.batch, Some(wait)).unwrap();
            for event in &self.batch {
                self.worker.handle(event, Instant::now());
            }
        }
    }

    /// Shows it events that are long over, and lets it do what it takes them for.
    fn show(&mut self, stale: &Events) {
        for event in stale {
            self.worker.handle(event, Instant::now());
        }
        for _ in 0..3 {
            self.worker.turn(Instant::now());
        }
    }

    /// A client that has been answered, and closes when it is told to.
    #[track_caller]
    fn answered(&mut self, mut client: TcpStream) -> TcpStream {
        client.write_all(b"?").unwrap();
        self.until("an answer", is_closing);
        client.set_read_timeout(Some(BOUND)).unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert_eq!(answer.len(), 64);
        client
    }
}

/// The only slot that there is in these tests.
fn slot(slots: &Slots) -> Option<&Slot> {
    slots.slots.get(0)
}

fn is_open(slots: &Slots) -> bool {
    matches!(slot(slots), Some(Slot::Open(_)))
}

fn is_closing(slots: &Slots) -> bool {
    matches!(slot(slots), Some(Slot::Closing(_)))
}

#[test]
fn events_of_a_connection_that_is_over_do_nothing_to_the_next_in_its_slot() {
    let mut server = Stepped::new("respond=64");
    let first = TcpStream::connect(server.addr).unwrap();
    let first = server.answered(first);
    first.shutdown(Shutdown::Write).unwrap();
    server.until("the first one's end", Slots::is_empty);
    // They tell of its FIN, under the token that it had from the start.
    let stale = std::mem::replace(&mut server.batch, Events::with_capacity(EVENTS_PER_TURN));
    let tokens: Vec<Token> = stale.iter().map(Event::token).collect();
    assert!(tokens.contains(&Token(FIRST_CONNECTION)), "{tokens:?}");
    assert!(tokens.iter().all(|token| token.0 < FIRST_CLOSING));

    server.show(&stale);
    assert!(server.worker.connections.is_empty());

    let second = TcpStream::connect(server.addr).unwrap();
    server.until("the second one", is_open);
    server.show(&stale);
    assert!(is_open(&server.worker.connections));

    let second = server.answered(second);
    server.show(&stale);
    assert!(is_closing(&server.worker.connections));

    second.shutdown(Shutdown::Write).unwrap();
    server.until("the second one's end", Slots::is_empty);
    let stats = server.counters.read();
    assert_eq!((stats.accepted, stats.finished), (2, 2), "{stats:?}");
    assert_eq!((stats.received_bytes, stats.sent_bytes), (2, 128));
}

/// By a FIN, or by the RST of one that has not read its answer.
#[test]
fn teardowns_that_end_in_another_order_free_their_own_slots() {
    let mut server = Stepped::new("respond=64");
    let mut clients: Vec<TcpStream> = Vec::new();
    for count in 1..=8 {
        let mut client = TcpStream::connect(server.addr).unwrap();
        client.write_all(b"?").unwrap();
        server.until("an answer", |slots| closing(slots).len() == count);
        clients.push(client);
    }
    for index in [3, 0, 7, 5] {
        clients[index].shutdown(Shutdown::Write).unwrap();
        server.until("one end", |slots| !closing(slots).contains(&index));
    }
    assert_eq!(closing(&server.worker.connections), [1, 2, 4, 6]);

    // One that is open takes a slot and no key: from here on the two are numbered apart.
    let quiet = TcpStream::connect(server.addr).unwrap();
    server.until("a quiet one", |slots| slots.slots.len() == 5);
    let mut late = TcpStream::connect(server.addr).unwrap();
    late.write_all(b"?").unwrap();
    server.until("an answer", |slots| closing(slots).len() == 5);
    late.shutdown(Shutdown::Write).unwrap();
    server.until("its end", |slots| closing(slots) == [1, 2, 4, 6]);

    drop((clients, quiet));
    server.until("the end of all", Slots::is_empty);
    assert!(server.worker.closer.is_empty());
    let stats = server.counters.read();
    assert_eq!(stats.finished, 10, "{stats:?}");
}

fn closing(slots: &Slots) -> Vec<usize> {
    let closing = |(index, slot)| matches!(slot, &Slot::Closing(_)).then_some(index);
    slots.slots.iter().filter_map(closing).collect()
}

#[test]
fn a_connection_that_is_closing_takes_little_memory() {
    assert!(size_of::<Slot>() <= 32, "{}", size_of::<Slot>());
    // What it had before is given back.
    assert!(size_of::<Connection>() > 2 * size_of::<Slot>());
}
