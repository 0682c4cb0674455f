//! Addresses that the person keeps links to: a small file of lines beside the database, each an address, a space and the id of who
//! answered there. It is written as a whole, and may be lost without harm.

use std::{fs, io, path::PathBuf, str::FromStr};

use feed::PersonId;

use crate::{Store, folder::write_whole};

/// The name of the file within the folder.
const FILE: &str = "addresses";

/// The most addresses that are kept, and how long one may be, in bytes: a multiaddr of a key and a port takes less than half.
pub const MAX_ADDRESSES: usize = 64;
/// See [`MAX_ADDRESSES`].
pub const MAX_ADDRESS_BYTES: usize = 256;

/// Nothing that was written here is longer.
const MAX_FILE_BYTES: u64 = (MAX_ADDRESSES * (MAX_ADDRESS_BYTES + 64)) as u64;

/// An address that the person keeps a link to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAddress {
    /// As a multiaddr.
    pub address: String,
    /// Who answered there.
    pub person: PersonId,
}

impl FromStr for KeptAddress {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let (address, person) = line.split_once(' ').ok_or(())?;
        let is_short = (1..=MAX_ADDRESS_BYTES).contains(&address.len());
        let person = person.parse().map_err(|_| ())?;
        is_short.then(|| Self { address: address.to_owned(), person }).ok_or(())
    }
}

impl Store {
    fn addresses_file(&self) -> PathBuf {
        self.folder().join(FILE)
    }

    /// The addresses that are kept; lines that cannot be read are left out.
    pub fn addresses(&self) -> Vec<KeptAddress> {
        let path = self.addresses_file();
        let read = || {
            if fs::metadata(&path)?.len() > MAX_FILE_BYTES {
                return Err(io::Error::other("it is longer than what is ever written to it"));
            }
            fs::read_to_string(&path)
        };
        match read() {
            Ok(text) => text.lines().filter_map(|line| line.parse().ok()).take(MAX_ADDRESSES).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "addresses that were kept cannot be read");
                Vec::new()
            }
        }
    }

    /// Keeps these addresses and no others, whole or not at all. Blocks.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn keep_addresses(&self, addresses: &[KeptAddress]) -> io::Result<()> {
        let lines = addresses.iter().map(|KeptAddress { address, person }| format!("{address} {person}\n"));
        write_whole(&self.addresses_file(), lines.collect::<String>().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: &str = "@9PnmHyAUVNsAFq3cn56SomBfxFW4EB3xrVUUH1yIijk=.ed25519";

    #[test]
    fn a_line_is_an_address_and_who_answered() {
        let kept: KeptAddress = format!("/ip4/10.0.0.7/tcp/4100 {ADA}").parse().expect("a line");
        assert_eq!((kept.address.as_str(), kept.person.to_string().as_str()), ("/ip4/10.0.0.7/tcp/4100", ADA));
        for line in ["", "/ip4/10.0.0.7/tcp/4100", "/ip4/10.0.0.7/tcp/4100 @ada", &format!(" {ADA}")] {
            assert_eq!(line.parse::<KeptAddress>(), Err(()), "{line}");
        }
        assert_eq!(format!("{} {ADA}", "x".repeat(MAX_ADDRESS_BYTES + 1)).parse::<KeptAddress>(), Err(()));
    }
}
