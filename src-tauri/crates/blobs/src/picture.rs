//! Small pictures made from large ones that strangers chose.
//!
//! Bounds are looked at before memory is taken: the file's size, then the sides and the bytes of the pixels as the header states
//! them, which the decoders then hold to. What a picture is, is read from its first bytes; names and claims are not asked. SVG, which
//! is a program more than a picture, is not among the kinds.

use std::fs::File;
use std::io::{BufReader, Cursor};

use image::metadata::Orientation;
use image::{
    DynamicImage, ImageDecoder, ImageEncoder, ImageError, ImageFormat, ImageReader, codecs, imageops::FilterType,
};

use crate::error::BlobError;

/// Longest side of a picture that is decoded, in pixels.
pub const MAX_SIDE: u32 = 8192;

/// Most memory that the pixels of a picture may take, in bytes: 22 million of an ordinary photograph.
pub const MAX_PIXEL_BYTES: u64 = 64 << 20;

/// Largest file that is looked at as a picture, in bytes.
pub const MAX_PICTURE_BYTES: u64 = 32 << 20;

/// How exactly photographs are kept: the JPEG quality at which small ones look like their originals.
const QUALITY: u8 = 82;

/// What a picture's first bytes say it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// JPEG (ITU-T T.81).
    Jpeg,
    /// PNG (W3C, third edition).
    Png,
    /// GIF (87a and 89a).
    Gif,
    /// WebP (RFC 9649).
    Webp,
}

impl Kind {
    /// How many bytes of a file are enough to tell.
    pub const SNIFFED: usize = 16;

    /// The kind of a file by its first bytes; none when it is no picture that is shown.
    pub fn sniff(first: &[u8]) -> Option<Self> {
        match first {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            _ => None,
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }

    fn format(self) -> ImageFormat {
        match self {
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Png => ImageFormat::Png,
            Self::Gif => ImageFormat::Gif,
            Self::Webp => ImageFormat::WebP,
        }
    }
}

/// How large a thumbnail is. Smaller pictures keep their size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Size {
    /// A person's picture: a square from the middle, 96 pixels a side.
    Avatar,
    /// A picture in a post: at most 640 pixels a side.
    Card,
}

impl Size {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Avatar, Self::Card];

    /// Its name, with the pixels of its longest side.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avatar => "avatar-96",
            Self::Card => "card-640",
        }
    }

    /// The size of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|size| size.name() == name)
    }

    fn side(self) -> u32 {
        match self {
            Self::Avatar => 96,
            Self::Card => 640,
        }
    }
}

/// Makes the small picture of a file: its first frame, upright, without anything but pixels.
pub(crate) fn shrink(kind: Kind, file: File, size: Size) -> Result<(Kind, Vec<u8>), BlobError> {
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_PIXEL_BYTES);
    let mut reader = ImageReader::with_format(BufReader::new(file), kind.format());
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(refused)?;
    if decoder.total_bytes() > MAX_PIXEL_BYTES {
        return Err(BlobError::TooManyPixels);
    }
    // A note about the picture that cannot be read is no reason not to show it.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let whole = DynamicImage::from_decoder(decoder).map_err(refused)?;
    let mut small = match size {
        Size::Avatar => square(&whole, size.side()),
        Size::Card => fitting(&whole, size.side()),
    };
    drop(whole);
    // Turned when it is small: all sizes are the same in both directions.
    small.apply_orientation(orientation);
    encode(&small)
}

/// The middle of a picture as a square of at most `side` pixels.
fn square(whole: &DynamicImage, side: u32) -> DynamicImage {
    let short = whole.width().min(whole.height());
    // First roughly and cheaply to twice the size, then well.
    let rough = short.min(2 * side);
    let near = match short > rough {
        true => whole.thumbnail_exact(scaled(whole.width(), rough, short), scaled(whole.height(), rough, short)),
        false => whole.clone(),
    };
    let middle = near.crop_imm(
        (near.width() - rough.min(near.width())) / 2,
        (near.height() - rough.min(near.height())) / 2,
        rough,
        rough,
    );
    match rough > side {
        true => middle.resize_exact(side, side, FilterType::CatmullRom),
        false => middle,
    }
}

/// A picture as a whole, at most `side` pixels a side.
fn fitting(whole: &DynamicImage, side: u32) -> DynamicImage {
    let long = whole.width().max(whole.height());
    if long <= side {
        return whole.clone();
    }
    let rough = long.min(2 * side);
    let near = match long > rough {
        true => &whole.thumbnail_exact(scaled(whole.width(), rough, long), scaled(whole.height(), rough, long)),
        false => whole,
    };
    near.resize_exact(scaled(whole.width(), side, long), scaled(whole.height(), side, long), FilterType::CatmullRom)
}

/// `length` × `to` ÷ `from`, rounded, at least 1.
fn scaled(length: u32, to: u32, from: u32) -> u32 {
    let (length, to, from) = (u64::from(length), u64::from(to), u64::from(from.max(1)));
    u32::try_from((length * to + from / 2) / from).unwrap_or(u32::MAX).max(1)
}

/// JPEG, or PNG where something shines through.
fn encode(small: &DynamicImage) -> Result<(Kind, Vec<u8>), BlobError> {
    let mut bytes = Cursor::new(Vec::new());
    let colours = small.to_rgba8();
    let is_opaque = !small.color().has_alpha() || colours.pixels().all(|pixel| pixel.0[3] == u8::MAX);
    let (width, height) = colours.dimensions();
    let kind = match is_opaque {
        true => {
            codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, QUALITY)
                .encode_image(&DynamicImage::from(colours).to_rgb8())
                .map_err(refused)?;
            Kind::Jpeg
        }
        false => {
            codecs::png::PngEncoder::new(&mut bytes)
                .write_image(&colours, width, height, image::ExtendedColorType::Rgba8)
                .map_err(refused)?;
            Kind::Png
        }
    };
    Ok((kind, bytes.into_inner()))
}

fn refused(error: ImageError) -> BlobError {
    match error {
        ImageError::Limits(_) => BlobError::TooManyPixels,
        ImageError::Decoding(error) => bad(&error),
        other => bad(&other),
    }
}

/// The decoder's words, without what would break a line.
fn bad(error: &impl std::fmt::Display) -> BlobError {
    let words = error.to_string();
    let words: String = words.chars().filter(|letter| !letter.is_control()).take(160).collect();
    BlobError::BadPicture(words.trim_end_matches('.').replace(". ", ", "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_kind_is_told_by_the_first_bytes_alone() {
        assert_eq!(Kind::sniff(b"\xff\xd8\xff\xe0\0\x10JFIF"), Some(Kind::Jpeg));
        assert_eq!(Kind::sniff(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Some(Kind::Png));
        assert_eq!(Kind::sniff(b"GIF89a\x01\0"), Some(Kind::Gif));
        assert_eq!(Kind::sniff(b"RIFF\x10\0\0\0WEBPVP8 "), Some(Kind::Webp));
        for other in [&b""[..], b"<svg xmlns=", b"<?xml version", b"RIFF\x10\0\0\0WAVE", b"%PDF-1.7", b"\x89PNG", b"BM"]
        {
            assert_eq!(Kind::sniff(other), None, "{other:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn whatever_is_changed_in_a_picture_no_decoder_panics(
            format in 0_usize..4,
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
            cut in proptest::option::of(any::<prop::sample::Index>()),
        ) {
            let whole = DynamicImage::from(image::RgbaImage::from_fn(23, 17, |x, y| image::Rgba([x as u8 * 9, y as u8 * 9, 7, 255])));
            let format = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP][format];
            let mut bytes = Cursor::new(Vec::new());
            let whole = if format == ImageFormat::Jpeg { DynamicImage::from(whole.to_rgb8()) } else { whole };
            whole.write_to(&mut bytes, format).unwrap();
            let mut bytes = bytes.into_inner();
            for (at, byte) in changes {
                *at.get_mut(&mut bytes) = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            if let Some(kind) = Kind::sniff(&bytes) {
                let mut file = tempfile::tempfile().unwrap();
                std::io::Write::write_all(&mut file, &bytes).unwrap();
                std::io::Seek::rewind(&mut file).unwrap();
                if let Ok((_, small)) = shrink(kind, file, Size::Avatar) {
                    prop_assert!(Kind::sniff(&small).is_some());
                }
            }
        }
    }

    #[test]
    fn a_size_is_found_by_its_name() {
        for size in Size::ALL {
            assert_eq!(Size::from_name(size.name()), Some(size));
            assert!(size.name().ends_with(&size.side().to_string()));
        }
        assert_eq!(Size::from_name("original"), None);
    }

    #[test]
    fn however_long_and_thin_a_picture_is_its_small_ones_fit() {
        for (width, height) in [(1, 1), (1, 8192), (8192, 1), (96, 96), (97, 96), (641, 640), (1281, 2), (3000, 2000)] {
            let whole = DynamicImage::new_luma8(width, height);
            let avatar = square(&whole, 96);
            assert_eq!(avatar.width(), avatar.height(), "{width}×{height}");
            assert!(avatar.width() == width.min(height).min(96), "{width}×{height}: {}", avatar.width());
            let card = fitting(&whole, 640);
            assert!(card.width() <= 640 && card.height() <= 640, "{width}×{height}");
            assert!(card.width().max(card.height()) == width.max(height).min(640), "{width}×{height}");
        }
    }
}
