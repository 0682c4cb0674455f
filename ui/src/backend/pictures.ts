/** Where the app serves pictures that are stored here, small ones only: `src-tauri/src/pictures.rs` answers. */
const SCHEME = "periwinkle-blob";

/** A blob's id: the sigil, 32 bytes as base64, the suffix. */
const BLOB = /^&([A-Za-z0-9+/]{43}=)\.sha256$/;

/** A square for a person, or a picture in a post. */
export type PictureSize = "avatar-96" | "card-640";

/** The address of a small picture of the blob `id`; null for what is no id. Whether it is here is seen when it loads. */
export function pictureAddress(id: string, size: PictureSize): string | null {
  const hash = BLOB.exec(id)?.[1];
  return hash === undefined ? null : `${SCHEME}://localhost/${size}/${hash.replaceAll("+", "-").replaceAll("/", "_")}`;
}
