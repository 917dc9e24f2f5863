//! Connections in TIME-WAIT: rows of the system's two tables.

use std::mem::offset_of;
use std::ptr;

use windows_sys::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, ERROR_NO_DATA, NO_ERROR};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    GetTcp6Table, GetTcpTable, MIB_TCP_STATE_TIME_WAIT, MIB_TCP6ROW, MIB_TCP6TABLE, MIB_TCPROW_LH,
    MIB_TCPTABLE,
};

const WORD: usize = size_of::<u32>();
const ROW: usize = size_of::<MIB_TCPROW_LH>() / WORD;
const ROW6: usize = size_of::<MIB_TCP6ROW>() / WORD;

// A table is the number of its rows and then the rows, each of which begins with its state.
const _: () = {
    assert!(offset_of!(MIB_TCPTABLE, table) == WORD && offset_of!(MIB_TCP6TABLE, table) == WORD);
    assert!(offset_of!(MIB_TCPROW_LH, Anonymous) == 0 && offset_of!(MIB_TCP6ROW, State) == 0);
    assert!(ROW * WORD == size_of::<MIB_TCPROW_LH>() && ROW6 * WORD == size_of::<MIB_TCP6ROW>());
};

pub(crate) fn time_wait_count() -> Option<u64> {
    let ipv4 = read_table(|words, bytes| {
        let table = words.map_or(ptr::null_mut(), |words| words.as_mut_ptr().cast());
        // SAFETY: the call writes at most `bytes` bytes behind the first pointer, which is to that many, or null with 0
        // of them; the second pointer is to a live number.
        unsafe { GetTcpTable(table, bytes, 0) }
    })?;
    let ipv6 = read_table(|words, bytes| {
        let table = words.map_or(ptr::null_mut(), |words| words.as_mut_ptr().cast());
        // SAFETY: as above.
        unsafe { GetTcp6Table(table, bytes, 0) }
    })?;
    Some(count(&ipv4, ROW) + count(&ipv6, ROW6))
}

/// Asks for the size, then for the table, which may have grown in between.
fn read_table(mut call: impl FnMut(Option<&mut [u32]>, &mut u32) -> u32) -> Option<Vec<u32>> {
    let mut bytes = 0;
    let mut result = call(None, &mut bytes);
    for _ in 0..10 {
        match result {
            ERROR_INSUFFICIENT_BUFFER => {}
            ERROR_NO_DATA => return Some(Vec::new()),
            _ => return None,
        }
        // Room for what comes meanwhile.
        let mut words = vec![0; (bytes as usize).div_ceil(WORD) + 64 * ROW6];
        bytes = u32::try_from(words.len() * WORD).ok()?;
        result = call(Some(&mut words), &mut bytes);
        if result == NO_ERROR {
            return Some(words);
        }
    }
    None
}

fn count(table: &[u32], row: usize) -> u64 {
    let Some((&rows, states)) = table.split_first() else {
        return 0;
    };
    let waiting = states
        .chunks_exact(row)
        .take(rows as usize)
        .filter(|row| row[0].cast_signed() == MIB_TCP_STATE_TIME_WAIT);
    waiting.count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_rows_that_the_table_has_are_counted() {
        // Three rows of two words, and room left with what looks like a fourth.
        assert_eq!(count(&[3, 11, 0, 5, 0, 11, 0, 11, 0], 2), 2);
        assert_eq!(count(&[0, 11, 0], 2), 0);
        assert_eq!(count(&[9, 11], 2), 0, "a row that is not whole");
        assert_eq!(count(&[], 2), 0);
    }

    #[test]
    fn a_table_that_grows_is_asked_for_again() {
        let mut sizes = [0, 10_000, 20_000].into_iter();
        let words = read_table(|words, bytes| {
            let had = words.map_or(0, |words| words.len() * WORD);
            match sizes.next().map(|grown| grown + 100) {
                Some(size) if had < size => {
                    *bytes = size as u32;
                    ERROR_INSUFFICIENT_BUFFER
                }
                _ => NO_ERROR,
            }
        });
        assert!(words.unwrap().len() * WORD >= 20_100);
    }
}
