/** Looking for words, people and pasted ids. */
import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it, vi } from "vitest";
import { makePost } from "../backend/memory/memory";
import { to } from "../state/route.svelte";
import { ada, bo, open } from "../test-window";

describe("search", () => {
  const field = () => screen.findByTestId<HTMLInputElement>("search-text");
  const texts = () => screen.getAllByTestId("hit").map((hit) => hit.querySelector(".snippet")?.textContent);
  const harbour = [
    makePost(bo, "The kettle is on at the harbour", 3_000, { channel: "harbour" }),
    makePost(ada, "Harbour soup, bring a spoon", 2_000),
    makePost(bo, "The <b>keeper</b> lied about the harbour lamp", 1_000, { contentWarning: "Spoilers" }),
  ];

  it("answers while one types, and marks what was found without making elements of it", async () => {
    open({ posts: [...harbour, makePost(bo, "<b>kettle</b> again", 500)] }, to.search);
    await fireEvent.input(await field(), { target: { value: "kett" } });
    await waitFor(() => expect(texts()).toEqual(["The kettle is on at the harbour", "<b>kettle</b> again"]));
    const marks = [...document.querySelectorAll("mark")].map((mark) => mark.textContent);
    expect(marks).toEqual(["kettle", "kettle"]);
    expect(document.querySelector(".results b")).toBeNull();
  });

  it("tells a screen reader of each answer, of equally many posts too, and leaves its keys to an input method", async () => {
    open({ posts: harbour }, to.search);
    const told = () => document.querySelector("[aria-live=polite].unseen")?.textContent ?? "";
    await fireEvent.input(await field(), { target: { value: "kettle" } });
    await waitFor(() => expect(told()).toContain("1 post found"));
    const before = told();
    await fireEvent.input(await field(), { target: { value: "soup" } });
    await waitFor(() => expect(texts()).toEqual(["Harbour soup, bring a spoon"]));
    await waitFor(() => expect(told()).not.toBe(before));
    expect(told().trim()).toBe("1 post found");
    await fireEvent.keyDown(await field(), { key: "Escape", isComposing: true });
    expect((await field()).value).toBe("soup");
    await fireEvent.keyDown(await field(), { key: "Escape" });
    expect((await field()).value).toBe("");
  });

  it("finds whole words, and beginnings of the last one only", async () => {
    open({ posts: harbour }, to.search);
    await fireEvent.input(await field(), { target: { value: "har kettle" } });
    expect(await screen.findByText("Nothing found")).toBeTruthy();
    await fireEvent.input(await field(), { target: { value: "arbour" } });
    await new Promise((done) => setTimeout(done, 200));
    expect(screen.queryByTestId("hit")).toBeNull();
    await fireEvent.input(await field(), { target: { value: "kettle harb" } });
    await waitFor(() => expect(texts()).toEqual(["The kettle is on at the harbour"]));
  });

  it("says that a page could not be read, keeps the rest, and tries again", async () => {
    const backend = open({ posts: harbour }, to.search);
    vi.spyOn(backend, "search").mockRejectedValueOnce({ code: "disk", message: "The disk could not be read.", next: "Try again." });
    await fireEvent.input(await field(), { target: { value: "soup" } });
    const unread = await screen.findByTestId("unread");
    expect(unread.textContent).toContain("could not be read");
    await fireEvent.click(within(unread).getByRole("button", { name: "Try again" }));
    await waitFor(() => expect(texts()).toEqual(["Harbour soup, bring a spoon"]));
    expect(screen.queryByTestId("unread")).toBeNull();
  });

  it("drops an answer that comes after the one to a later question", async () => {
    const backend = open({ posts: harbour }, to.search);
    const search = backend.search.bind(backend);
    let late: () => void = () => undefined;
    vi.spyOn(backend, "search").mockImplementation(async (query) => {
      const page = await search(query);
      if (query.text === "kettle") await new Promise<void>((done) => (late = done));
      return page;
    });
    await fireEvent.input(await field(), { target: { value: "kettle" } });
    await waitFor(() => expect(backend.searched.map((query) => query.text)).toEqual(["kettle"]));
    await fireEvent.input(await field(), { target: { value: "soup" } });
    await waitFor(() => expect(texts()).toEqual(["Harbour soup, bring a spoon"]));
    late();
    await new Promise((done) => setTimeout(done, 20));
    expect(texts()).toEqual(["Harbour soup, bring a spoon"]);
  });

  it("narrows to a person who was found by name, and widens again", async () => {
    const backend = open({ posts: harbour }, to.search);
    await fireEvent.input(await field(), { target: { value: "bo" } });
    await fireEvent.click(await screen.findByRole("button", { name: "Only their posts" }));
    await waitFor(() => expect(backend.searched.at(-1)).toMatchObject({ text: "", from: bo.id }));
    await waitFor(() => expect(screen.getAllByTestId("hit")).toHaveLength(2));
    await fireEvent.click(screen.getByRole("button", { name: "From anyone again" }));
    await waitFor(() => expect(screen.queryByTestId("hit")).toBeNull());
  });

  it("keeps what is warned of folded", async () => {
    open({ posts: harbour }, to.search);
    await fireEvent.input(await field(), { target: { value: "keeper" } });
    const hit = await screen.findByTestId("hit");
    expect(hit.textContent).toContain("Spoilers");
    expect(hit.textContent).not.toContain("lied");
  });

  it("opens a pasted id with Enter, and says so where it is not here", async () => {
    open({ posts: harbour }, to.search);
    await fireEvent.input(await field(), { target: { value: `%${"A".repeat(43)}=.sha256` } });
    expect(await screen.findByText("This is not stored here")).toBeTruthy();
    await fireEvent.input(await field(), { target: { value: harbour[0]?.id } });
    await screen.findByTestId("search-target");
    await fireEvent.submit(screen.getByRole("search"));
    expect(await screen.findByTestId("thread")).toBeTruthy();
  });

  it("is reached by Ctrl and K while one writes, walked by keys, and left as it was", async () => {
    open({ posts: harbour });
    const composer = await screen.findByTestId("composer-text");
    composer.focus();
    await fireEvent.keyDown(composer, { key: "k", ctrlKey: true });
    await waitFor(async () => expect(document.activeElement).toBe(await field()));
    await fireEvent.input(await field(), { target: { value: "harbour" } });
    const hits = await screen.findAllByTestId("hit");
    await fireEvent.keyDown(await field(), { key: "ArrowDown" });
    expect(document.activeElement).toBe(hits[0]);
    await fireEvent.keyDown(hits[0] as HTMLElement, { key: "j" });
    expect(document.activeElement).toBe(hits[1]);
    await fireEvent.keyDown(hits[1] as HTMLElement, { key: "k" });
    await fireEvent.keyDown(hits[0] as HTMLElement, { key: "k" });
    expect(document.activeElement).toBe(await field());
    await fireEvent.keyDown(hits[1] as HTMLElement, { key: "Enter" });
    await screen.findByTestId("thread");
    await fireEvent.keyDown(window, { key: "/" });
    expect((await field()).value).toBe("harbour");
    expect(screen.getAllByTestId("hit")).toHaveLength(3);
  });
});
