//! CSV files in gzip's format (RFC 1952), of an exact size: the blocks are stored (RFC 1951, 3.2.4) and not compressed,
//! since nobody can say beforehand how small a text becomes.

use flate2::Crc;

use super::Draw;

/// The ten bytes before the blocks: deflate, no flags, no time, an unknown system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// CRC-32 and length of the text, behind the blocks.
const TAIL: usize = 8;
/// Before each block: whether it is the last, its length, and the length's complement.
const BLOCK_HEAD: usize = 5;
const BLOCK_MAX: usize = u16::MAX as usize;

/// A file of `size` bytes; `None` when that is too few.
pub(super) fn csv(draw: &mut Draw, size: usize) -> Option<Vec<u8>> {
    let room = size.checked_sub(HEAD.len() + TAIL)?;
    let blocks = room.div_ceil(BLOCK_HEAD + BLOCK_MAX);
    let text = rows(draw, room.checked_sub(blocks * BLOCK_HEAD).filter(|length| *length > 0)?);
    let mut packed = Vec::with_capacity(size);
    packed.extend(HEAD);
    let mut rest = text.as_slice();
    for left in (0..blocks).rev() {
        let (block, after) = rest.split_at(rest.len().min(BLOCK_MAX));
        let length = u16::try_from(block.len()).ok()?;
        packed.push(u8::from(left == 0));
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend(block);
        rest = after;
    }
    let mut crc = Crc::new();
    crc.update(&text);
    packed.extend(crc.sum().to_le_bytes());
    packed.extend(crc.amount().to_le_bytes());
    Some(packed)
}

/// Rows of what desks took in; the last one may be cut short.
fn rows(draw: &mut Draw, length: usize) -> Vec<u8> {
    let mut text = String::from("desk,counter,amount\n");
    while text.len() < length {
        let (desk, counter, cents) = (draw.between(1, 40), draw.digits(6), draw.between(100, 99_999));
        let row = format!("{desk},{counter},{}.{:02}\n", cents / 100, cents % 100);
        text.push_str(&row);
    }
    text.truncate(length);
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    /// The least size that leaves room for a text.
    const SMALLEST: usize = HEAD.len() + TAIL + BLOCK_HEAD + 1;

    fn unpacked(packed: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        GzDecoder::new(packed).read_to_end(&mut text).unwrap();
        text
    }

    proptest! {
        #[test]
        fn a_file_has_its_size_and_can_be_unpacked(seed: u64, size in SMALLEST..200_000) {
            let packed = csv(&mut Draw::at(seed, &["csv"]), size).unwrap();
            prop_assert_eq!(packed.len(), size);
            let text = unpacked(&packed);
            prop_assert!(text.is_ascii() && b"desk,counter,amount\n".starts_with(&text[..text.len().min(20)]));
        }
    }

    #[test]
    fn sizes_at_the_edge_of_a_block_are_exact_too() {
        let edge = HEAD.len() + TAIL + BLOCK_HEAD + BLOCK_MAX;
        for size in edge - 2..edge + 12 {
            let packed = csv(&mut Draw::at(7, &["csv"]), size).unwrap();
            assert_eq!(packed.len(), size);
            unpacked(&packed);
        }
        assert_eq!(csv(&mut Draw::at(7, &["csv"]), SMALLEST - 1), None);
    }
}
