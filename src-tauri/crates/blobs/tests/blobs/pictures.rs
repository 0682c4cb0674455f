//! Thumbnails of real pictures, made here, and of what only claims to be one.

use std::io::Cursor;
use std::time::{Duration, Instant};

use blobs::{BlobError, Blobs, Kind, Limits, Size, Thumbnail};
use feed::BlobId;
use image::codecs::{gif::GifEncoder, jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder};
use image::{DynamicImage, ExtendedColorType, Frame, ImageEncoder, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use crate::sample::Home;

const RED: Rgb<u8> = Rgb([200, 20, 20]);
const BLUE: Rgb<u8> = Rgb([20, 20, 200]);

/// Red at the left, blue at the right.
fn halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| if x < width / 2 { RED } else { BLUE })
}

fn encoded(encode: impl FnOnce(&mut Cursor<Vec<u8>>)) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    encode(&mut bytes);
    bytes.into_inner()
}

fn png(picture: &DynamicImage) -> Vec<u8> {
    encoded(|bytes| picture.write_to(bytes, ImageFormat::Png).unwrap())
}

fn jpeg(picture: &RgbImage) -> Vec<u8> {
    encoded(|bytes| JpegEncoder::new_with_quality(bytes, 95).encode_image(picture).unwrap())
}

/// The JPEG with an Exif note on how it has to be turned (TIFF 6.0, tag 274), as cameras write it.
fn turned(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let tiff = [b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", &[orientation][..], b"\0\0\0\0\0\0"].concat();
    let exif = [b"Exif\0\0", &tiff[..]].concat();
    let len = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], b"\xff\xe1", &len, &exif, &jpeg[2..]].concat()
}

async fn card(home: &Home, bytes: &[u8]) -> Result<Thumbnail, BlobError> {
    home.blobs.thumbnail(&home.add(bytes), Size::Card).await
}

fn opened(thumbnail: &Thumbnail) -> DynamicImage {
    assert_eq!(Kind::sniff(&thumbnail.bytes), Some(thumbnail.kind));
    image::load_from_memory(&thumbnail.bytes).unwrap()
}

fn is_near(pixel: Rgb<u8>, colour: Rgb<u8>) -> bool {
    pixel.0.iter().zip(colour.0).all(|(one, other)| one.abs_diff(other) < 40)
}

#[tokio::test]
async fn a_large_picture_becomes_a_card_and_an_avatar() {
    let home = Home::new();
    let id = home.add(&jpeg(&halves(1600, 800)));
    let card = opened(&home.blobs.thumbnail(&id, Size::Card).await.unwrap()).to_rgb8();
    assert_eq!(card.dimensions(), (640, 320));
    assert!(is_near(*card.get_pixel(5, 5), RED) && is_near(*card.get_pixel(634, 314), BLUE));
    let avatar = opened(&home.blobs.thumbnail(&id, Size::Avatar).await.unwrap()).to_rgb8();
    assert_eq!(avatar.dimensions(), (96, 96));
    assert!(is_near(*avatar.get_pixel(5, 50), RED) && is_near(*avatar.get_pixel(90, 50), BLUE));
}

#[tokio::test]
async fn a_photograph_stands_upright_as_its_camera_noted() {
    let home = Home::new();
    let flat = jpeg(&halves(80, 40));
    // A quarter to the right: what was left is up.
    let upright = opened(&card(&home, &turned(&flat, 6)).await.unwrap()).to_rgb8();
    assert_eq!(upright.dimensions(), (40, 80));
    assert!(is_near(*upright.get_pixel(20, 5), RED) && is_near(*upright.get_pixel(20, 75), BLUE));
    // Half around.
    let around = opened(&card(&home, &turned(&flat, 3)).await.unwrap()).to_rgb8();
    assert_eq!(around.dimensions(), (80, 40));
    assert!(is_near(*around.get_pixel(5, 20), BLUE));
    // A number that means nothing.
    assert_eq!(opened(&card(&home, &turned(&flat, 99)).await.unwrap()).to_rgb8().dimensions(), (80, 40));
    let thumbnail = card(&home, &turned(&flat, 6)).await.unwrap();
    assert!(!thumbnail.bytes.windows(4).any(|bytes| bytes == b"Exif"), "no notes of the camera go along");
}

#[tokio::test]
async fn of_an_animation_the_first_frame_is_shown() {
    let home = Home::new();
    let frame = |colour| Frame::new(RgbaImage::from_pixel(30, 30, colour));
    let (green, red) = (Rgba([0, 200, 0, 255]), Rgba([200, 0, 0, 255]));
    let gif = encoded(|bytes| GifEncoder::new(bytes).encode_frames([frame(green), frame(red), frame(red)]).unwrap());
    let shown = opened(&card(&home, &gif).await.unwrap()).to_rgb8();
    assert!(is_near(*shown.get_pixel(15, 15), Rgb([0, 200, 0])), "{:?}", shown.get_pixel(15, 15));
}

#[tokio::test]
async fn what_shines_through_still_does_and_webp_is_read() {
    let home = Home::new();
    let glass = RgbaImage::from_fn(50, 50, |x, _| Rgba([10, 10, 200, if x < 25 { 0 } else { 255 }]));
    let webp = encoded(|bytes| {
        WebPEncoder::new_lossless(bytes).write_image(&glass, 50, 50, ExtendedColorType::Rgba8).unwrap()
    });
    for bytes in [png(&glass.clone().into()), webp] {
        let thumbnail = card(&home, &bytes).await.unwrap();
        assert_eq!(thumbnail.kind, Kind::Png);
        let shown = opened(&thumbnail).to_rgba8();
        assert_eq!((shown.get_pixel(5, 5).0[3], shown.get_pixel(45, 45).0[3]), (0, 255));
    }
    let opaque = DynamicImage::from(RgbaImage::from_pixel(50, 50, Rgba([1, 2, 3, 255])));
    assert_eq!(card(&home, &png(&opaque)).await.unwrap().kind, Kind::Jpeg);
    let deep = DynamicImage::from(opaque.to_rgb16());
    assert_eq!(opened(&card(&home, &png(&deep)).await.unwrap()).to_rgb8().dimensions(), (50, 50));
}

#[tokio::test]
async fn a_bomb_is_refused_before_it_takes_memory() {
    let home = Home::new();
    let bomb = encoded(|bytes| {
        let rows = vec![0; 9000 * 9000];
        PngEncoder::new(bytes).write_image(&rows, 9000, 9000, ExtendedColorType::L8).unwrap();
    });
    assert!(bomb.len() < 1 << 20, "small on disk: {}", bomb.len());
    let id = home.add(&bomb);
    let begun = Instant::now();
    let refused = home.blobs.thumbnail(&id, Size::Card).await.unwrap_err();
    assert!(matches!(refused, BlobError::TooManyPixels), "{refused}");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());

    // Sides that are allowed, pixels that are too wide: four times sixteen bits. Nothing comes after the header.
    let mut header = b"\0\0\0\x0dIHDR\0\0\x20\0\0\0\x20\0\x10\x06\0\0\0".to_vec();
    let sum = crc(&header[4..]);
    header.extend(sum.to_be_bytes());
    let wide = [b"\x89PNG\r\n\x1a\n", &header[..], b"\0\0\0\0IDAT\x35\xaf\x06\x1e"].concat();
    assert!(matches!(card(&home, &wide).await, Err(BlobError::TooManyPixels)));

    // A GIF states its screen in 16 bits a side.
    let gif = b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0;";
    assert!(matches!(card(&home, gif).await, Err(BlobError::TooManyPixels)));
}

/// CRC-32 as PNG has it (annex D), a bit at a time.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[tokio::test]
async fn what_is_no_picture_says_so() {
    let home = Home::new();
    let svg = br#"<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>"#;
    for other in
        [&svg[..], b"", b"hello", b"<!doctype html><img src=x>", b"%PDF-1.7", b"BM\x46\0\0\0", b"II*\0\x08\0\0\0"]
    {
        let refused = card(&home, other).await.unwrap_err();
        assert!(matches!(refused, BlobError::NoPicture), "{other:?}: {refused}");
    }
    for broken in [&b"\xff\xd8\xff\xe0"[..], b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x04\0\0\0WEBPVP8 "] {
        let refused = card(&home, broken).await.unwrap_err();
        assert!(matches!(refused, BlobError::BadPicture(_)), "{broken:?}: {refused}");
    }
    let nowhere = home.blobs.thumbnail(&BlobId::classic([1; 32]), Size::Card).await;
    assert!(matches!(nowhere, Err(BlobError::NotHere(_))));
    let damaged = home.add(&jpeg(&halves(64, 64)));
    home.flip_a_bit(&damaged);
    assert!(matches!(home.blobs.thumbnail(&damaged, Size::Card).await, Err(BlobError::Damaged(_))));
}

#[tokio::test]
async fn a_thumbnail_is_kept_made_again_when_spoilt_and_goes_with_its_blob() {
    let home = Home::new();
    let id = home.add(&jpeg(&halves(200, 200)));
    let first = home.blobs.thumbnail(&id, Size::Avatar).await.unwrap();
    let kept = home.blobs.usage().unwrap().thumbnails;
    assert_eq!(kept, first.bytes.len() as u64);
    let home = home.reopened();
    assert_eq!(home.blobs.usage().unwrap().thumbnails, kept);
    assert_eq!(home.blobs.thumbnail(&id, Size::Avatar).await.unwrap(), first);

    let file =
        home.path().join("thumbs/avatar-96").join(home.file(&id).strip_prefix(home.path().join("sha256")).unwrap());
    for spoilt in [&b""[..], b"<svg>", &[0xff; 5 << 20]] {
        std::fs::write(&file, spoilt).unwrap();
        assert_eq!(home.blobs.thumbnail(&id, Size::Avatar).await.unwrap(), first);
    }
    home.blobs.remove(&id).unwrap();
    assert!(!file.exists());
    assert!(matches!(home.blobs.thumbnail(&id, Size::Avatar).await, Err(BlobError::NotHere(_))));
}

#[tokio::test]
async fn the_oldest_thumbnails_make_room_for_new_ones() {
    let home = Home::with(Limits { thumbnails: 30_000, ..Limits::default() });
    for n in 0..20 {
        let picture = RgbImage::from_fn(96, 96, |x, y| Rgb([(x * n) as u8, (y * n) as u8, (x * y) as u8]));
        home.blobs.thumbnail(&home.add(&jpeg(&picture)), Size::Avatar).await.unwrap();
        assert!(home.blobs.usage().unwrap().thumbnails <= 30_000);
    }
    let kept = home.blobs.usage().unwrap().thumbnails;
    assert!(kept > 0);
    assert_eq!(home.reopened().blobs.usage().unwrap().thumbnails, kept);
}

#[tokio::test]
async fn all_who_want_the_same_picture_at_once_get_it() {
    let home = Home::new();
    let id = home.add(&jpeg(&halves(400, 300)));
    let ask = |blobs: Blobs| tokio::spawn(async move { blobs.thumbnail(&id, Size::Card).await });
    let asked: Vec<_> = (0..30).map(|_| ask(home.blobs.clone())).collect();
    for one in asked {
        assert_eq!(opened(&one.await.unwrap().unwrap()).height(), 300);
    }
}
