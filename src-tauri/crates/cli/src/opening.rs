//! The beginning of a file that is to be imported: what it is, before any of it is taken for messages.

use std::io::{self, BufRead, Cursor, Read};

use app::view::{Failure, FailureCode};

/// How many bytes tell what a file is.
const ENOUGH: usize = 16;

/// The mark that some editors put before UTF-8 text.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// What a file begins with, what that is, and what to do about it.
const OTHERS: [(&[u8], &str, &str); 9] = [
    (b"\x1f\x8b", "is compressed with gzip", "Unpack it first: gunzip -c FILE | peri import -"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd", "Unpack it first: zstd -dc FILE | peri import -"),
    (b"\xfd7zXZ", "is compressed with xz", "Unpack it first: xz -dc FILE | peri import -"),
    (b"BZh", "is compressed with bzip2", "Unpack it first: bzip2 -dc FILE | peri import -"),
    (b"PK\x03\x04", "is a zip archive", "Unpack it first: unzip -p FILE | peri import -"),
    (
        b"SQLite format 3",
        "is a database",
        "Import the folder of the app it belongs to with `peri import --ssb DIR`, or a file that was exported.",
    ),
    (b"\xff\xfe", "is UTF-16 text", "Write it as UTF-8 first: iconv -f UTF-16 -t UTF-8 FILE | peri import -"),
    (b"\xfe\xff", "is UTF-16 text", "Write it as UTF-8 first: iconv -f UTF-16 -t UTF-8 FILE | peri import -"),
    (b"[", "is one long list", "Put each message on a line of its own: jq -c '.[]' FILE | peri import -"),
];

/// Looks at the beginning of `reader` and gives back what reads all of it, without a mark before the text.
///
/// # Errors
/// When it is nothing that messages could be read from; `name` is what the words call it.
pub(crate) fn look(
    mut reader: impl BufRead + Send + 'static,
    name: &str,
) -> Result<io::Result<Box<dyn BufRead + Send>>, Failure> {
    let mut begin = Vec::with_capacity(ENOUGH);
    if let Err(error) = reader.by_ref().take(ENOUGH as u64).read_to_end(&mut begin) {
        return Ok(Err(error));
    }
    let refuse = |what: &str, next: &str| Err(Failure::new(FailureCode::BadInput, format!("{name} {what}."), next));
    if let Some((_, what, next)) = OTHERS.iter().find(|(magic, ..)| begin.starts_with(magic)) {
        return refuse(what, next);
    }
    let is_control = |byte: &u8| *byte < 0x20 && !byte.is_ascii_whitespace();
    if begin.iter().any(is_control) || (!begin.starts_with(MARK) && begin.first().is_some_and(|byte| *byte >= 0x80)) {
        return refuse("is no text", "Give a file with one message on each line, as `peri export` writes it.");
    }
    if begin.starts_with(MARK) {
        begin.drain(..MARK.len());
    }
    Ok(Ok(Box::new(Cursor::new(begin).chain(reader))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static [u8]) -> Result<Vec<u8>, Failure> {
        let mut all = Vec::new();
        look(text, "notes.json")?.expect("reads").read_to_end(&mut all).expect("reads");
        Ok(all)
    }

    #[test]
    fn text_is_read_from_its_first_byte() {
        for text in [&b""[..], b"{", b"{\"key\":\"%\"}\n{}", b"\n\n{\"previous\":null,\"sequence\":1}"] {
            assert_eq!(read(text).expect("text"), text);
        }
        assert_eq!(read(b"\xef\xbb\xbf{}\n").expect("text"), b"{}\n");
    }

    #[test]
    fn what_is_no_text_is_named() {
        for (text, what) in [
            (&b"\x1f\x8b\x08\x00\x00\x00"[..], "gzip"),
            (b"\xff\xfe{\x00", "UTF-16"),
            (b"{\x00\"\x00", "no text"),
            (b"\x93\x07garbage", "no text"),
            (b"[{\"key\":1}]", "list"),
            (b"SQLite format 3\x00", "database"),
        ] {
            let failure = read(text).expect_err("no messages");
            assert!(failure.message.contains(what), "{failure}");
            assert!(failure.message.starts_with("notes.json is"), "{failure}");
            assert!(!failure.next.is_empty());
        }
    }
}
