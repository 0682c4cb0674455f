//! Unsigned LEB128: seven bits a byte, least significant first, the top bit says that more follow.

use super::WireError;

/// Most bytes of a number: 64 bits in groups of seven.
const LONGEST: usize = 10;

/// Appends a number, in as few bytes as possible.
pub(super) fn write(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number from the front of `bytes`. Only the shortest form is accepted, so that there is one way to write it.
pub(super) fn read(bytes: &mut &[u8]) -> Result<u64, WireError> {
    let mut number = 0u64;
    for index in 0..LONGEST {
        let (&byte, rest) = bytes.split_first().ok_or(WireError::Truncated)?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if index == LONGEST - 1 && bits > 1 {
            return Err(WireError::Number);
        }
        number |= bits << (7 * index);
        if byte & 0x80 == 0 {
            let shortest = index == 0 || byte != 0;
            return if shortest { Ok(number) } else { Err(WireError::Number) };
        }
    }
    Err(WireError::Number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(number: u64) {
            let mut bytes = Vec::new();
            write(&mut bytes, number);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(read(&mut rest), Ok(number));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn whatever_is_read_has_one_form(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let mut rest = bytes.as_slice();
            if let Ok(number) = read(&mut rest) {
                let mut again = Vec::new();
                write(&mut again, number);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - rest.len()]);
            }
        }
    }

    #[test]
    fn numbers_beyond_64_bits_are_refused() {
        assert_eq!(read(&mut &[0xff; 11][..]), Err(WireError::Number));
        assert_eq!(
            read(&mut &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02][..]),
            Err(WireError::Number)
        );
    }
}
