//! Blobs in a node: what messages make wanted, and the machine's wishes handed to links and driver.

use std::sync::LazyLock;

use feed::{BlobId, Message};
use memchr::memmem::Finder;
use replication::{
    LinkId, Now,
    blobs::{self, Why, Wish},
    ebt::Want,
};
use social::{Kind, Meaning, Target};

use crate::{
    Node,
    output::{Change, CloseReason, Output},
    sending::Control,
    wire,
};

/// Wrong blobs of one device within [`blobs::BLAME_MEMORY`] that close its link. One may be a bad disk of somebody honest.
const WRONG_BLOBS: u32 = 3;

impl Node {
    /// What is being fetched, the most urgent first, at most `most`.
    pub fn fetches(&self, most: usize) -> Vec<blobs::Fetch> {
        self.blobs.fetches(most)
    }

    /// Hands the machine's wishes to links and driver.
    pub(crate) fn drain_blobs(&mut self, now: Now) {
        while let Some(output) = self.blobs.poll_output() {
            match output {
                blobs::Output::Tell { link, wants, haves } => {
                    let Some(link) = self.links.get_mut(&link) else { continue };
                    let mut frames = Vec::with_capacity(2);
                    if !wants.is_empty() {
                        frames.push(wire::write_wants(&wants));
                    }
                    if !haves.is_empty() {
                        frames.push(wire::write_haves(&haves));
                    }
                    let last = frames.len().saturating_sub(1);
                    let frames = frames.into_iter().enumerate();
                    let frames = frames.map(|(at, frame)| Control::Blobs { frame, is_last: at == last });
                    link.sending.control.extend(frames);
                }
                blobs::Output::Blame { device, times, .. } => {
                    let links: Vec<LinkId> =
                        self.links.iter().filter(|(_, link)| link.device == device).map(|(id, _)| *id).collect();
                    for id in links.into_iter().filter(|_| times >= WRONG_BLOBS) {
                        self.close(id, CloseReason::WrongBlobs, now);
                    }
                }
                blobs::Output::Arrived { blob } => self.tell(Change::Blob(blob)),
                blobs::Output::Order(order) => self.outbox.push_back(Output::Blobs(order)),
            }
        }
    }

    /// What a stored message of somebody else links to is wanted, if their feed is.
    pub(crate) fn want_blobs_of(&mut self, message: &Message, meaning: &Meaning, now: Now) {
        let author = message.author();
        if author == self.own || self.policy.want(&author) != Want::Replicate {
            return;
        }
        // Only orders wants: a claim beyond what numbers hold is as good as the largest.
        let mentioned = message.timestamp() as i64;
        for (blob, why) in linked_blobs(meaning) {
            let wish = Wish { why, author: Some(author), mentioned };
            self.blobs.handle_input(blobs::Input::Want { blob, wish }, now);
        }
    }
}

/// What a person who reads the message looks at.
fn linked_blobs(meaning: &Meaning) -> Vec<(BlobId, Why)> {
    match &meaning.kind {
        Kind::About(about) => about.image.map(|blob| (blob, Why::Portrait)).into_iter().collect(),
        Kind::Post(post) => {
            let blob = |target: &Target| match target {
                Target::Blob(blob) => Some((*blob, Why::Mentioned)),
                _ => None,
            };
            post.mentions.iter().filter_map(|mention| blob(&mention.target)).collect()
        }
        Kind::Blog(blog) => blog.thumbnail.into_iter().chain([blog.blog]).map(|blob| (blob, Why::Mentioned)).collect(),
        _ => Vec::new(),
    }
}

/// Whether the exact bytes may hold a blob's id. Most messages of a history do not, and need not be parsed.
pub(crate) fn names_a_blob(encoded: &[u8]) -> bool {
    static END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"=.sha256"));
    // `&`, 43 letters, and the end.
    END.find_iter(encoded).any(|at| at.checked_sub(44).and_then(|at| encoded.get(at)) == Some(&b'&'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_blob_is_seen_and_that_of_a_message_is_not() {
        let blob = BlobId::classic([7; 32]).to_string();
        let message = feed::MessageId::classic([7; 32]).to_string();
        assert!(names_a_blob(format!("x{message}y{blob}").as_bytes()));
        assert!(names_a_blob(blob.as_bytes()));
        assert!(!names_a_blob(message.as_bytes()));
        assert!(!names_a_blob(b"=.sha256"));
    }
}
