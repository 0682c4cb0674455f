import { expect, test } from "vitest";
import { pictureAddress } from "./pictures";

test("a picture's address holds the hash so that no letter of it means something else", () => {
  expect(pictureAddress("&ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=.sha256", "avatar-96")).toBe(
    "periwinkle-blob://localhost/avatar-96/ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0=",
  );
});

test("what is no blob's id has no address", () => {
  for (const id of ["", "&x.sha256", "%ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=.sha256", "javascript:alert(1)", "&../../x.sha256"]) {
    expect(pictureAddress(id, "card-640")).toBeNull();
  }
});
