//! One record of a database page, decoded without SQLite (<https://www.sqlite.org/fileformat2.html#record_format>).

/// The most columns that a record of ours has; more is another program's or damage.
const MAX_COLUMNS: usize = 32;

/// One value of a record. Texts are bytes: what a damaged page calls text need not be UTF-8.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    /// Ours holds none; kept so that such a record is told from a damaged one.
    Real(f64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Value {
    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

/// A number of one to nine bytes at the start of `bytes`, and how many they were
/// (<https://www.sqlite.org/fileformat2.html#varint>).
pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(9).enumerate() {
        if at == 8 {
            return Some(((value << 8) | u64::from(*byte), 9));
        }
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

/// The values of a record; none when its bytes are not one.
pub(crate) fn decode(record: &[u8]) -> Option<Vec<Value>> {
    let (header_length, mut at) = varint(record)?;
    let header_length = usize::try_from(header_length).ok()?;
    let mut body = record.get(header_length..)?;
    let header = record.get(..header_length)?;
    let mut values = Vec::new();
    while at < header_length {
        let (serial, length) = varint(header.get(at..)?)?;
        at += length;
        if values.len() == MAX_COLUMNS {
            return None;
        }
        let (value, rest) = value(serial, body)?;
        values.push(value);
        body = rest;
    }
    Some(values)
}

/// The value with this serial type at the start of `body`, and what follows it.
fn value(serial: u64, body: &[u8]) -> Option<(Value, &[u8])> {
    let length = match serial {
        0 | 8 | 9 => 0,
        1..=4 => serial as usize,
        5 => 6,
        6 | 7 => 8,
        10 | 11 => return None,
        _ => usize::try_from((serial - 12) / 2).ok()?,
    };
    let (bytes, rest) = body.split_at_checked(length)?;
    let value = match serial {
        0 => Value::Null,
        1..=6 => Value::Integer(integer(bytes)),
        7 => Value::Real(f64::from_bits(integer(bytes) as u64)),
        8 => Value::Integer(0),
        9 => Value::Integer(1),
        _ if serial.is_multiple_of(2) => Value::Blob(bytes.to_vec()),
        _ => Value::Text(bytes.to_vec()),
    };
    Some((value, rest))
}

/// Up to eight bytes, big endian, in two's complement.
fn integer(bytes: &[u8]) -> i64 {
    let sign = bytes.first().is_some_and(|first| first & 0x80 != 0);
    bytes.iter().fold(if sign { -1 } else { 0 }, |number, byte| (number << 8) | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_of_every_length_are_read() {
        for (bytes, number) in [
            (&[0x00][..], 0),
            (&[0x7f], 127),
            (&[0x81, 0x00], 128),
            (&[0xff, 0x7f], 16_383),
            (&[0xff; 9], u64::MAX),
            (&[0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 1 << 57),
        ] {
            assert_eq!(varint(bytes), Some((number, bytes.len())), "{bytes:?}");
        }
        assert_eq!(varint(&[]), None);
        assert_eq!(varint(&[0x80]), None);
    }

    #[test]
    fn a_record_gives_its_values() {
        // NULL, 1 (as a constant), -2 in one byte, 258 in two, a blob of two bytes, a text of three.
        let record = [7, 0, 9, 1, 2, 16, 19, 0xfe, 1, 2, 0xaa, 0xbb, b'a', b'b', b'c'];
        let expected = [
            Value::Null,
            Value::Integer(1),
            Value::Integer(-2),
            Value::Integer(258),
            Value::Blob(vec![0xaa, 0xbb]),
            Value::Text(b"abc".to_vec()),
        ];
        assert_eq!(decode(&record), Some(expected.to_vec()));
        for cut in 0..record.len() {
            assert_eq!(decode(&record[..cut]), None, "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_decoded(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode(&bytes);
        }
    }
}
