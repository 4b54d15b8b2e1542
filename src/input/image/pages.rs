//! Short pieces of bytes that are changed in place: as many as may stay in memory, the others in a file without a name.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// Bytes that the file has for each page; a longer one stays in memory.
const SLOT: usize = 16 << 10;

/// Pages by number.
#[derive(Debug)]
pub struct Pages {
    pages: Vec<Page>,
    free: Vec<u32>,
    /// How many are in memory, and how many may be.
    here: usize,
    most: usize,
    /// Where the search for one that can leave goes on.
    hand: usize,
    file: Option<File>,
}

#[derive(Debug, Default)]
struct Page {
    /// `None` while it is in the file.
    bytes: Option<Vec<u8>>,
    /// In the file, in bytes.
    length: usize,
    /// The file has the same bytes.
    is_written: bool,
    /// It was used since the hand passed.
    is_used: bool,
}

impl Pages {
    /// No page; so many of them may stay in memory.
    pub fn new(most: usize) -> Pages {
        Pages { pages: Vec::new(), free: Vec::new(), here: 0, most, hand: 0, file: None }
    }

    /// Adds a page and returns its number.
    pub fn add(&mut self, bytes: Vec<u8>) -> io::Result<u32> {
        self.make_room()?;
        self.here += 1;
        let page = Page { bytes: Some(bytes), is_used: true, ..Page::default() };
        if let Some(number) = self.free.pop() {
            if let Some(place) = self.pages.get_mut(number as usize) {
                *place = page;
            }
            return Ok(number);
        }
        let number = u32::try_from(self.pages.len()).map_err(io::Error::other)?;
        self.pages.push(page);
        Ok(number)
    }

    /// Takes a page away; its number will be used again.
    pub fn remove(&mut self, number: u32) {
        if let Some(page) = self.pages.get_mut(number as usize) {
            self.here -= usize::from(page.bytes.take().is_some());
            *page = Page::default();
            self.free.push(number);
        }
    }

    /// The bytes of a page; what is done to them stays, where they are asked for to be changed.
    pub fn get(&mut self, number: u32, to_change: bool) -> io::Result<&mut Vec<u8>> {
        let none = || io::Error::from(io::ErrorKind::NotFound);
        let page = self.pages.get(number as usize).ok_or_else(none)?;
        if page.bytes.is_none() {
            let mut bytes = vec![0; page.length];
            let file = self.file.as_mut().ok_or_else(none)?;
            file.seek(SeekFrom::Start(u64::from(number) * SLOT as u64))?;
            file.read_exact(&mut bytes)?;
            self.make_room()?;
            self.here += 1;
            if let Some(page) = self.pages.get_mut(number as usize) {
                page.bytes = Some(bytes);
            }
        }
        let page = self.pages.get_mut(number as usize).ok_or_else(none)?;
        page.is_used = true;
        page.is_written &= !to_change;
        page.bytes.as_mut().ok_or_else(none)
    }

    /// Lets pages that were not used for long go to the file. Where they cannot, they stay, and
    /// memory has to do.
    fn make_room(&mut self) -> io::Result<()> {
        // Twice around, because the first time only takes the marks away.
        let mut steps = 2 * self.pages.len();
        while self.here >= self.most && steps > 0 {
            steps -= 1;
            let number = self.hand;
            self.hand = (number + 1) % self.pages.len();
            let Some(page) = self.pages.get_mut(number) else { continue };
            let is_used = std::mem::take(&mut page.is_used);
            let Some(bytes) = page.bytes.as_ref().filter(|bytes| bytes.len() <= SLOT) else {
                continue;
            };
            if is_used {
                continue;
            }
            if !page.is_written {
                page.length = bytes.len();
                if write(&mut self.file, number, bytes).is_err() {
                    self.most = usize::MAX;
                    return Ok(());
                }
                page.is_written = true;
            }
            page.bytes = None;
            self.here -= 1;
        }
        Ok(())
    }
}

fn write(file: &mut Option<File>, number: usize, bytes: &[u8]) -> io::Result<()> {
    let file = match file {
        Some(file) => file,
        None => file.insert(tempfile::tempfile()?),
    };
    file.seek(SeekFrom::Start((number * SLOT) as u64))?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_it_was_made_wherever_it_lies() {
        let mut pages = Pages::new(3);
        for number in 0..20_u8 {
            assert_eq!(pages.add(vec![number; 100]).unwrap(), u32::from(number));
        }
        assert_eq!(pages.here, 3);
        for number in 0..20 {
            pages.get(number, true).unwrap().push(99);
        }
        for number in (0..20_u8).rev() {
            let want = [vec![number; 100], vec![99]].concat();
            assert_eq!(*pages.get(u32::from(number), false).unwrap(), want);
            assert!(pages.here <= 3);
        }
        pages.remove(7);
        assert!(pages.get(7, false).unwrap().is_empty(), "until its number is used again");
        assert_eq!(pages.add(b"new".to_vec()).unwrap(), 7, "its number is used again");
        assert_eq!(pages.get(7, false).unwrap(), b"new");
        assert_eq!(pages.get(8, false).unwrap().len(), 101);
        assert!(pages.get(20, false).is_err());
    }

    #[test]
    fn what_is_too_long_for_the_file_stays() {
        let mut pages = Pages::new(2);
        for _ in 0..5 {
            pages.add(vec![1; SLOT + 1]).unwrap();
        }
        assert_eq!(pages.here, 5);
        for number in 0..5 {
            assert_eq!(pages.get(number, false).unwrap().len(), SLOT + 1);
        }
    }
}
