//! What the other ends are like.

use super::dice::Dice;

/// Times are in microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) kind: Kind,
    /// One way.
    pub(super) latency: u64,
    /// How often in a thousand a packet is lost, which delays it by a retransmission or more.
    pub(super) loss: u64,
    /// Bytes that it sends in all, unless it floods.
    pub(super) sends: u64,
    /// Bytes that it acknowledges; it takes no more after that.
    pub(super) takes: u64,
    /// What our kernel keeps for it, each way: less than a call may move, or more.
    pub(super) send_buffer: u64,
    pub(super) receive_buffer: u64,
    /// What one call moves at most: a kernel may always move less than it could.
    pub(super) piece: u64,
    /// What is special about it happens at this time.
    pub(super) at: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sends what it has, and its FIN once it has ours.
    Honest,
    /// Has sent its FIN before.
    FinFirst,
    /// Sends its FIN at a time of its own.
    FinAtATime,
    /// Never sends a FIN.
    Silent,
    /// Sends for ever.
    Flood,
    /// One byte at a time, each interval of `at`, for ever.
    Drip,
    /// Resets at a time.
    Reset,
    /// Sends its FIN, and an RST behind it.
    FinThenReset,
    /// Is not there any more, which our side notices at a time.
    Gone,
}

impl Peer {
    /// What it sends at once.
    pub(super) fn segment(&self) -> u64 {
        self.receive_buffer / 6
    }

    pub(super) fn roll(dice: &mut Dice) -> Self {
        let kind = dice.one_of(&[
            Kind::Honest,
            Kind::Honest,
            Kind::Honest,
            Kind::FinFirst,
            Kind::FinAtATime,
            Kind::Silent,
            Kind::Flood,
            Kind::Drip,
            Kind::Reset,
            Kind::FinThenReset,
            Kind::Gone,
        ]);
        let slow = dice.per_mille(200);
        Self {
            kind,
            latency: dice.between(10, if slow { 80_000 } else { 2_000 }),
            loss: dice.one_of(&[0, 0, 10, 100]),
            sends: dice.one_of(&[0, 1, 1_000, 100_000]),
            takes: if dice.per_mille(100) {
                dice.between(0, 40_000)
            } else {
                u64::MAX
            },
            send_buffer: dice.one_of(&[200_000, 1 << 20]),
            receive_buffer: dice.one_of(&[120_000, 120_000, 120_000, 2 << 20]),
            // The second comes to 16 calls before it comes to 64 KiB.
            piece: if dice.per_mille(100) { 4_000 } else { u64::MAX },
            at: dice.between(0, 900_000),
        }
    }
}
