//! One page of a map: sorted keys, each without what it shares with the one before, and their values.

use super::packed::{push_number, take_length};

/// Where a key is in a leaf, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seat {
    /// Offset of the first record whose key is not smaller.
    at: usize,
    /// Bytes that the key shares with the record before.
    before: usize,
    /// Bytes that it shares with the record at `at`.
    after: usize,
    /// The record at `at` has this very key.
    found: bool,
}

/// One record as it lies: bytes shared with the key before, the rest of the key, the value, and
/// where it ends.
type Record<'a> = (usize, &'a [u8], &'a [u8], usize);

#[inline]
fn record(leaf: &[u8], at: usize) -> Option<Record<'_>> {
    let mut bytes = leaf.get(at..)?;
    let shared = take_length(&mut bytes)?;
    let (rest, value) = (take_length(&mut bytes)?, take_length(&mut bytes)?);
    let (rest, bytes) = bytes.split_at_checked(rest)?;
    let (value, bytes) = bytes.split_at_checked(value)?;
    Some((shared, rest, value, leaf.len() - bytes.len()))
}

fn packed(shared: usize, rest: &[&[u8]], value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let length: usize = rest.iter().map(|part| part.len()).sum();
    for number in [shared, length, value.len()] {
        push_number(&mut out, number as u64);
    }
    rest.iter().for_each(|part| out.extend_from_slice(part));
    out.extend_from_slice(value);
    out
}

fn alike(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn seat(leaf: &[u8], key: &[u8]) -> Seat {
    // What the key shares with the record that was looked at last; all are smaller.
    let (mut at, mut before) = (0, 0);
    while let Some((shared, rest, _, end)) = record(leaf, at) {
        let after = match shared.cmp(&before) {
            // It goes on as the smaller key before it does.
            std::cmp::Ordering::Greater => {
                at = end;
                continue;
            }
            // It leaves that key where the searched one still agrees with it.
            std::cmp::Ordering::Less => shared,
            std::cmp::Ordering::Equal => {
                before + alike(rest, key.get(before..).unwrap_or_default())
            }
        };
        let (own, searched) = (rest.get(after - shared..), key.get(after..));
        let (own, searched) = (own.unwrap_or_default(), searched.unwrap_or_default());
        if shared == before && own < searched {
            (at, before) = (end, after);
            continue;
        }
        let found = own.is_empty() && searched.is_empty();
        return Seat { at, before, after, found };
    }
    Seat { at, before, after: 0, found: false }
}

/// The value of a key.
pub fn get<'a>(leaf: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let seat = seat(leaf, key);
    let (_, _, value, _) = record(leaf, seat.at).filter(|_| seat.found)?;
    Some(value)
}

/// Puts a value at a key, in place of the one that it has.
pub fn put(leaf: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let Seat { at, before, after, found } = seat(leaf, key);
    let mut new = packed(before, &[key.get(before..).unwrap_or_default()], value);
    let mut end = at;
    if let Some((shared, rest, own, next)) = record(leaf, at) {
        end = next;
        if !found {
            new.extend(packed(after, &[rest.get(after - shared..).unwrap_or_default()], own));
        }
    }
    leaf.reserve_exact(new.len());
    leaf.splice(at..end, new);
}

/// Takes a key and its value away.
pub fn remove(leaf: &mut Vec<u8>, key: &[u8]) {
    let seat = seat(leaf, key);
    let Some((shared, rest, _, mut end)) = record(leaf, seat.at).filter(|_| seat.found) else {
        return;
    };
    let mut next = Vec::new();
    if let Some((next_shared, next_rest, value, next_end)) = record(leaf, end) {
        // What the next one shared with the one that goes it has to say itself.
        let lost = rest.get(..next_shared.saturating_sub(shared)).unwrap_or_default();
        next = packed(shared.min(next_shared), &[lost, next_rest], value);
        end = next_end;
    }
    leaf.splice(seat.at..end, next);
}

/// Cuts a leaf of two records or more near its middle; returns the second half and its first key.
pub fn split(leaf: &mut Vec<u8>) -> Option<(Vec<u8>, Vec<u8>)> {
    let middle = leaf.len() / 2;
    let mut records = Records::new(leaf, &[]);
    // The end of a record that is nearest to the middle, and is not the leaf's own.
    let (mut cut, mut before) = (None, Vec::new());
    while records.next().is_some() {
        if let Some(previous) = cut
            && records.start > middle
            && records.start - middle > middle.saturating_sub(previous)
        {
            break;
        }
        if records.start > 0 {
            cut = Some(records.start);
            before = records.key().to_vec();
        }
    }
    let cut = cut?;
    let (_, _, value, end) = record(leaf, cut)?;
    let mut second = packed(0, &[&before], value);
    second.extend_from_slice(leaf.get(end..)?);
    leaf.truncate(cut);
    leaf.shrink_to_fit();
    Some((second, before))
}

/// The records of a leaf from a key on.
#[derive(Debug)]
pub struct Records<'a> {
    leaf: &'a [u8],
    /// Of the record that was shown last.
    start: usize,
    at: usize,
    key: Vec<u8>,
}

impl<'a> Records<'a> {
    /// Those whose key is not smaller.
    pub fn new(leaf: &'a [u8], from: &[u8]) -> Records<'a> {
        let seat = seat(leaf, from);
        let mut records = Records { leaf, start: 0, at: 0, key: Vec::new() };
        while records.at < seat.at && records.next().is_some() {}
        records
    }

    /// The key of the value that came last.
    pub fn key(&self) -> &[u8] {
        &self.key
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = &'a [u8];

    /// The next value.
    fn next(&mut self) -> Option<&'a [u8]> {
        let (shared, rest, value, end) = record(self.leaf, self.at)?;
        self.key.truncate(shared);
        self.key.extend_from_slice(rest);
        (self.start, self.at) = (self.at, end);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn all(leaf: &[u8], from: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut records = Records::new(leaf, from);
        let mut all = Vec::new();
        while let Some(value) = records.next() {
            all.push((records.key().to_vec(), value.to_vec()));
        }
        all
    }

    /// Keys of few letters, so that they share beginnings and are one another's beginnings.
    fn keys(seed: u64) -> impl Iterator<Item = (Vec<u8>, u8)> {
        let mut state = seed;
        let mut roll = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        std::iter::repeat_with(move || {
            let length = roll(7);
            ((0..length).map(|_| b'a' + roll(3) as u8).collect(), roll(4) as u8)
        })
    }

    #[test]
    fn a_leaf_is_a_sorted_map() {
        for seed in 0..200 {
            let (mut leaf, mut map) = (Vec::new(), BTreeMap::new());
            for (key, action) in keys(seed).take(120) {
                let value = vec![action; usize::from(action)];
                if action == 0 {
                    remove(&mut leaf, &key);
                    map.remove(&key);
                } else {
                    put(&mut leaf, &key, &value);
                    map.insert(key.clone(), value);
                }
                assert_eq!(get(&leaf, &key), map.get(&key).map(Vec::as_slice), "{seed}");
                let want: Vec<_> = map.clone().into_iter().collect();
                assert_eq!(all(&leaf, b""), want, "{seed}");
                let want = map.range(key.clone()..).map(|(k, v)| (k.clone(), v.clone()));
                assert_eq!(all(&leaf, &key), want.collect::<Vec<_>>(), "{seed}");
            }
            let whole = all(&leaf, b"");
            let length = leaf.len();
            if let Some((second, key)) = split(&mut leaf) {
                assert!(!leaf.is_empty() && all(&second, b"")[0].0 == key);
                assert_eq!([all(&leaf, b""), all(&second, b"")].concat(), whole);
                assert!(leaf.len().max(second.len()) < length.max(40) * 3 / 4 + 10, "{seed}");
            }
        }
    }

    #[test]
    fn one_record_is_not_split() {
        let mut leaf = Vec::new();
        assert_eq!(split(&mut leaf), None);
        put(&mut leaf, b"key", &[7; 5000]);
        assert_eq!(split(&mut leaf), None);
        put(&mut leaf, b"key2", b"");
        assert_eq!(
            split(&mut leaf),
            Some((vec![0, 4, 0, b'k', b'e', b'y', b'2'], b"key2".to_vec()))
        );
    }

    #[test]
    fn damaged_bytes_end_a_leaf() {
        for bytes in [&[9, 9][..], &[0xff; 30], &[5, 1, 1, b'x', 0], &[0, 200, 1, 1]] {
            let mut leaf = bytes.to_vec();
            let _ = (get(bytes, b"x"), all(bytes, b"x"));
            remove(&mut leaf, b"x");
            put(&mut leaf, b"x", b"1");
            split(&mut leaf);
        }
    }
}
