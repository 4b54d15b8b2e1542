//! Bytes that are no ELF file, and ELF headers with nothing behind them.

use crate::binary::elf::*;

fn header(class: u8, order: u8) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, order, 1]);
    bytes
}

#[test]
fn says_why_bytes_are_no_elf_file() {
    assert_eq!(DynamicInfo::parse(b""), Err(ElfError::TooShort));
    assert_eq!(DynamicInfo::parse(b"\x7fELF"), Err(ElfError::TooShort));
    assert_eq!(DynamicInfo::parse(b"GROUP ( /lib/libc.so.6 )"), Err(ElfError::Magic));
    assert_eq!(DynamicInfo::parse(&header(9, 1)), Err(ElfError::Ident));
    assert_eq!(DynamicInfo::parse(&header(2, 1)[..63]), Err(ElfError::TooShort));
}

#[test]
fn header_in_both_byte_orders() {
    for (order, machine_at) in [(1, 18), (2, 19)] {
        let mut bytes = header(1, order);
        bytes[machine_at] = 40;
        let linking = DynamicInfo::parse(&bytes).expect("a header is enough");
        assert_eq!((linking.machine, linking.is_64()), (40, false));
        assert!(linking.segments.is_empty() && !linking.dynamic);
    }
}

#[test]
fn program_headers_outside_the_file_are_a_note() {
    let mut bytes = header(2, 1);
    bytes[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
    bytes[54] = 56;
    bytes[56] = 3;
    let linking = DynamicInfo::parse(&bytes).expect("the header is there");
    assert_eq!(linking.notes, ["the program headers lie outside the file"]);
}
