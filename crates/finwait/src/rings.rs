//! Many doubly linked rings over one array: each key is in at most one, and leaves in O(1).

/// The first `rings` nodes are the rings' own; a key's node follows them.
#[derive(Debug)]
pub(crate) struct Rings {
    rings: u32,
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    before: u32,
    after: u32,
}

impl Rings {
    pub(crate) fn new(rings: u32) -> Self {
        let nodes = (0..rings)
            .map(|ring| Node {
                before: ring,
                after: ring,
            })
            .collect();
        Self { rings, nodes }
    }

    /// Room for the keys below `keys`.
    pub(crate) fn reserve(&mut self, keys: usize) {
        let nodes = self.rings as usize + keys;
        (self.nodes).reserve_exact(nodes.saturating_sub(self.nodes.len()));
    }

    fn node(&self, key: usize) -> u32 {
        // Keys are slab indices of open sockets: far below 2^32.
        self.rings + key as u32
    }

    /// Puts `key` at the end of `ring`. It must not be in any ring.
    pub(crate) fn push(&mut self, ring: u32, key: usize) {
        let node = self.node(key);
        while self.nodes.len() <= node as usize {
            let alone = self.nodes.len() as u32;
            self.nodes.push(Node {
                before: alone,
                after: alone,
            });
        }
        let last = self.nodes[ring as usize].before;
        self.nodes[node as usize] = Node {
            before: last,
            after: ring,
        };
        self.nodes[last as usize].after = node;
        self.nodes[ring as usize].before = node;
    }

    /// Takes `key` out of its ring, if it is in one; says which ring that left empty.
    pub(crate) fn remove(&mut self, key: usize) -> Option<u32> {
        let node = self.node(key);
        let Node { before, after } = *self.nodes.get(node as usize)?;
        self.nodes[before as usize].after = after;
        self.nodes[after as usize].before = before;
        self.nodes[node as usize] = Node {
            before: node,
            after: node,
        };
        (before == after && before < self.rings).then_some(before)
    }

    /// The key that has been in `ring` for the longest time.
    pub(crate) fn first(&self, ring: u32) -> Option<usize> {
        let node = self.nodes[ring as usize].after;
        (node != ring).then(|| (node - self.rings) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(rings: &mut Rings, ring: u32) -> Vec<usize> {
        let mut keys = Vec::new();
        while let Some(key) = rings.first(ring) {
            rings.remove(key);
            keys.push(key);
        }
        keys
    }

    #[test]
    fn keys_come_out_in_the_order_they_went_in() {
        let mut rings = Rings::new(2);
        for key in [7, 0, 3] {
            rings.push(1, key);
        }
        rings.push(0, 5);
        assert_eq!(keys(&mut rings, 1), [7, 0, 3]);
        assert_eq!(keys(&mut rings, 0), [5]);
    }

    #[test]
    fn removing_says_when_a_ring_became_empty_and_twice_is_harmless() {
        let mut rings = Rings::new(1);
        rings.push(0, 1);
        rings.push(0, 2);
        assert_eq!(rings.remove(1), None);
        assert_eq!(rings.remove(2), Some(0));
        assert_eq!(rings.remove(2), None);
        assert_eq!(rings.remove(99), None);
    }
}
