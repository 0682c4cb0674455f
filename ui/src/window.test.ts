/** The window as a whole: how it begins and ends, its keys, what it says of itself, what it lets in. */
import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it, vi } from "vitest";
import App from "./App.svelte";
import { makePost, MemoryBackend } from "./backend/memory/memory";
import { scene } from "./backend/memory/scenes";
import { bo, field, open } from "./test-window";

describe("welcome", () => {
  it("asks for a name and opens the timeline", async () => {
    const backend = new MemoryBackend({ me: null });
    render(App, { backend });
    await fireEvent.input(await screen.findByTestId("welcome-name"), { target: { value: "  Ada " } });
    await fireEvent.click(screen.getByTestId("welcome-begin"));
    expect(await screen.findByTestId("rail-timeline")).toBeTruthy();
    expect((await backend.startState()).kind).toBe("ready");
  });
});

describe("a node that comes to a stop", () => {
  it("is said in place of a window that would show what is no longer so", async () => {
    const backend = open();
    await screen.findByTestId("rail-timeline");
    backend.breakDown({ code: "internal", message: "The node came to a stop.", next: "Start it again." });
    expect((await screen.findByRole("alert")).textContent).toContain("Start it again.");
  });
});

describe("the keys", () => {
  it("are all listed by the question mark, but not for one who writes it, and go with Escape", async () => {
    open({ posts: [makePost(bo, "old", 1_000)] });
    await screen.findByText("old");
    await fireEvent.keyDown(await field(), { key: "?" });
    expect(screen.queryByTestId("keys")).toBeNull();
    await fireEvent.keyDown(document.body, { key: "?" });
    const sheet = await screen.findByTestId<HTMLDialogElement>("keys");
    expect(sheet.open).toBe(true);
    expect([...sheet.querySelectorAll("kbd")].map((key) => key.textContent)).toEqual(expect.arrayContaining(["j", "k", "r", "l", ".", "/", "?", "Ctrl + Enter"]));
    await fireEvent.keyDown(document.body, { key: "/" });
    expect(screen.queryByTestId("search-text")).toBeNull();
    await fireEvent.click(within(sheet).getByRole("button", { name: "Close" }));
    await waitFor(() => expect(screen.queryByTestId("keys")).toBeNull());
    await fireEvent.click(screen.getByTestId("rail-keys"));
    expect(await screen.findByTestId("keys")).toBeTruthy();
  });
});

describe("a long catching up", () => {
  it("says from whom, how much and how long, tells it once, and is gone when everything is here", async () => {
    const backend = open({ near: [{ id: bo.id, callsThemselves: null, flow: { kind: "level" }, slowed: null }] });
    await screen.findByText("Everything is level.", { exact: false });
    backend.setNear([{ id: bo.id, callsThemselves: null, flow: { kind: "receiving", messages: 6_000 }, slowed: null }], { done: 2_000, toCome: 6_000, secondsLeft: 130 });
    const [shown] = await screen.findAllByTestId("catching-up");
    expect(shown?.textContent).toContain("Catching up with Bo");
    expect(shown?.textContent).toContain("about 3 minutes");
    const bar = within(shown as HTMLElement).getByRole("progressbar");
    expect(bar.getAttribute("aria-valuenow")).toBe("25");
    expect(bar.getAttribute("aria-valuetext")).toBe("2,000 messages are here, 6,000 to come. about 3 minutes");
    const told = () => document.querySelector("[aria-live=polite].unseen")?.textContent;
    expect(told()).toBe("Catching up, about 3 minutes.");
    backend.setNear([{ id: bo.id, callsThemselves: null, flow: { kind: "level" }, slowed: null }]);
    await waitFor(() => expect(screen.queryByTestId("catching-up")).toBeNull());
    expect(told()).toBe("Everything has arrived.");
  });

  it("is no word about a handful of posts", async () => {
    const backend = open();
    backend.setNear([{ id: bo.id, callsThemselves: null, flow: { kind: "receiving", messages: 12 }, slowed: null }], { done: 3, toCome: 12, secondsLeft: 1 });
    await screen.findByText("sending you 12 posts");
    expect(screen.queryByTestId("catching-up")).toBeNull();
  });

  it("says when indexes are filled again", async () => {
    open({ indexing: { done: 250_000, total: 1_000_000 } });
    const [shown] = await screen.findAllByTestId("indexing");
    expect(shown?.textContent).toContain("250,000 of 1,000,000 messages");
  });
});

describe("what others write", () => {
  it("brings no element, address or handler of its own into the page", async () => {
    const hostile = [
      "<script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'><svg onload='window.hurt = 1'>",
      "![x](https://spy.example/p.gif) [y](javascript:window.hurt=1) <javascript:window.hurt=1>",
      "[z](data:text/html,<script>window.hurt=1</script>) <iframe src=//spy.example></iframe> <style>*{display:none}</style>",
      "[a](https://ok.example/\"onmouseover=\"window.hurt=1) #\"><b>x</b>",
    ];
    open({ posts: hostile.map((text, at) => makePost({ ...bo, name: `<b>${at}</b>` }, text, 1_000 + at)) });
    await waitFor(() => expect(screen.getAllByTestId("card")).toHaveLength(hostile.length));
    const list = screen.getByRole("list", { name: "Posts" });
    expect(list.querySelectorAll("script, img, iframe, style, object, embed, link, form, video, audio, b")).toHaveLength(0);
    for (const element of list.querySelectorAll("*")) {
      for (const { name } of element.attributes) expect(name).not.toMatch(/^on|^src|^srcdoc|^action/);
      if (element instanceof HTMLAnchorElement) expect(element.getAttribute("href")).toMatch(/^#\//);
    }
    expect("hurt" in window).toBe(false);
  });

  it("asks before anything leads out, and shows the full host", async () => {
    open({ posts: [makePost(bo, "[your bank](https://bank.example@evil.example/login)", 1_000)] });
    await fireEvent.click(await screen.findByRole("button", { name: "your bank" }));
    const question = await screen.findByTestId("link-question");
    expect(within(question).getByText("evil.example")).toBeTruthy();
    expect(within(question).getByDisplayValue("https://bank.example@evil.example/login")).toBeTruthy();
  });

  it("keeps spaces between words and marks as they were written", async () => {
    open({ posts: [makePost(bo, "a **b** *c*d `e` f", 1_000)] });
    const card = await screen.findByTestId("card");
    expect(card.querySelector(".text p")?.textContent).toBe("a b cd e f");
  });
});

describe("the failure screen", () => {
  it("says what happened and tries again", async () => {
    const backend = scene("failure");
    render(App, { backend });
    expect(await screen.findByText("Another Periwinkle already uses this folder.")).toBeTruthy();
    vi.spyOn(backend, "startState").mockResolvedValue({ kind: "welcome" });
    await fireEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByTestId("welcome-name")).toBeTruthy();
  });
});
