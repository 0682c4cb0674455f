/** Writing and reading: the composer, the timeline, a thread. */
import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it, vi } from "vitest";
import { makePerson, makePost, type NearId } from "../backend/memory/memory";
import { to } from "../state/route.svelte";
import { ada, bo, field, open } from "../test-window";

describe("the composer", () => {
  it("names its audience in the button", async () => {
    open();
    expect((await screen.findByTestId("composer-publish")).textContent).toContain("Publish to 14 followers");
  });

  it("calls it a diary while nobody follows", async () => {
    open({ followers: 0 });
    expect((await screen.findByTestId("composer-publish")).textContent).toContain("Publish to your diary");
  });

  it("publishes with Ctrl and Enter, shows the post and empties itself", async () => {
    const backend = open();
    await fireEvent.input(await field(), { target: { value: "Hello, harbour" } });
    await fireEvent.keyDown(await field(), { key: "Enter", ctrlKey: true });
    expect((await screen.findByTestId("card")).textContent).toContain("Hello, harbour");
    expect(backend.published).toEqual([{ text: "Hello, harbour", replyTo: null, channel: null }]);
    expect((await field()).value).toBe("");
    expect(localStorage.length).toBe(0);
  });

  it("shows the text as others will see it, and publishes it from there", async () => {
    const backend = open();
    expect(screen.queryByTestId("composer-look")).toBeNull();
    await fireEvent.input(await field(), { target: { value: "It is *low* water" } });
    await fireEvent.keyDown(await field(), { key: "P", ctrlKey: true, shiftKey: true });
    const preview = await screen.findByTestId("composer-preview");
    expect(preview.querySelector("em")?.textContent).toBe("low");
    expect((await field()).hidden).toBe(true);
    await waitFor(() => expect(document.activeElement).toBe(preview));
    await fireEvent.keyDown(preview, { key: "Escape" });
    await waitFor(async () => expect(document.activeElement).toBe(await field()));
    expect(screen.queryByTestId("composer-preview")).toBeNull();
    expect((await field()).value).toBe("It is *low* water");
    await fireEvent.click(screen.getByTestId("composer-look"));
    await fireEvent.keyDown(await screen.findByTestId("composer-preview"), { key: "Enter", ctrlKey: true });
    expect((await screen.findByTestId("card")).textContent).toContain("It is low water");
    expect(backend.published).toHaveLength(1);
    expect((await field()).hidden).toBe(false);
    await waitFor(async () => expect(document.activeElement).toBe(await field()));
  });

  it("takes no letter for a key of the window while somebody looks at what they write, and asks for no picture", async () => {
    open({ posts: [makePost(bo, "old", 1_000)] });
    await screen.findByText("old");
    await fireEvent.input(await field(), { target: { value: `![a boat](&${"A".repeat(43)}=.sha256)` } });
    await fireEvent.click(screen.getByTestId("composer-look"));
    const preview = await screen.findByTestId("composer-preview");
    expect(preview.querySelector("img")).toBeNull();
    expect(preview.textContent).toContain("a boat");
    await fireEvent.keyDown(preview, { key: "/" });
    await fireEvent.keyDown(preview, { key: "j" });
    expect(document.activeElement).toBe(preview);
    expect(screen.queryByTestId("search-text")).toBeNull();
  });

  it("keeps the draft across a crash", async () => {
    open();
    await fireEvent.input(await field(), { target: { value: "half a thou" } });
    await waitFor(() => expect(localStorage.length).toBe(1));
    document.body.replaceChildren();
    open();
    expect((await field()).value).toBe("half a thou");
  });

  it("keeps the text and says what to do when publishing fails", async () => {
    const backend = open();
    backend.refuseNext = { code: "disk", message: "The disk is full.", next: "Free some space and publish again." };
    await fireEvent.input(await field(), { target: { value: "Hello" } });
    await fireEvent.click(screen.getByTestId("composer-publish"));
    const toast = await screen.findByTestId("toast");
    expect(toast.textContent).toContain("The disk is full. Free some space and publish again.");
    expect((await field()).value).toBe("Hello");
  });

  it("says how much room is left near the limit, and does not publish beyond it", async () => {
    const backend = open();
    await fireEvent.input(await field(), { target: { value: "x".repeat(7_000) } });
    expect(await screen.findByText("492 characters left")).toBeTruthy();
    await fireEvent.input(await field(), { target: { value: "x".repeat(7_500) } });
    expect(await screen.findByText("8 characters too many")).toBeTruthy();
    await fireEvent.keyDown(await field(), { key: "Enter", ctrlKey: true });
    expect(backend.published).toEqual([]);
  });

  it("waits while one's own posts are missing", async () => {
    open({ standing: "recovering" });
    expect(await screen.findByTestId("recovering")).toBeTruthy();
    await fireEvent.input(await field(), { target: { value: "Hello" } });
    expect(screen.getByTestId<HTMLButtonElement>("composer-publish").disabled).toBe(true);
  });
});

describe("the timeline", () => {
  it("reaches as far as friends of friends, where that is chosen", async () => {
    const idris = makePerson("Idris", "friendOfFriend");
    open({ people: [bo, idris], posts: [makePost(bo, "From Bo", 2_000), makePost(idris, "From Idris", 1_000)] });
    await screen.findByText("From Bo");
    expect(screen.queryByText("From Idris")).toBeNull();
    location.hash = screen.getByTestId("tab-friends").getAttribute("href") ?? "";
    await screen.findByText("From Idris");
    expect(screen.getByText("From Bo")).toBeTruthy();
    expect(screen.getByTestId("tab-friends").getAttribute("aria-current")).toBe("page");
  });

  it("offers what arrived in a pill, tells screen readers, and shows it when asked", async () => {
    const backend = open({ posts: [makePost(bo, "old", 1_000)] });
    await screen.findByText("old");
    backend.receive(makePost(bo, "new", 2_000));
    const pill = await screen.findByTestId("new-pill");
    expect(pill.textContent).toContain("1 new post");
    expect(screen.queryByText("new")).toBeNull();
    expect(document.querySelector("[aria-live=polite].unseen")?.textContent).toBe("1 new post");
    await fireEvent.click(pill);
    expect(await screen.findByText("new")).toBeTruthy();
    expect(screen.queryByTestId("new-pill")).toBeNull();
  });

  it("says why a card stands where it stands", async () => {
    const root = makePost(ada, "question", 1_000, { replies: 1 });
    open({ posts: [root, makePost(bo, "answer", 2_000, { root: root.id })] });
    expect((await screen.findByTestId("card")).textContent?.replace(/\s+/g, " ")).toContain("Bo replied");
  });

  it("folds a post behind its warning", async () => {
    open({ posts: [makePost(bo, "the keeper lied", 1_000, { contentWarning: "Spoilers" })] });
    expect(await screen.findByText("Spoilers")).toBeTruthy();
    expect(screen.queryByText("the keeper lied")).toBeNull();
    await fireEvent.click(screen.getByRole("button", { name: "Show" }));
    expect(screen.getByText("the keeper lied")).toBeTruthy();
  });

  it("has one next step when it is empty", async () => {
    open();
    await fireEvent.click(await screen.findByRole("button", { name: "See who is near" }));
    expect(await screen.findByText("Nobody is near")).toBeTruthy();
  });

  it("is walked with j and k, and r answers", async () => {
    const backend = open({ posts: [makePost(bo, "second", 1_000), makePost(bo, "first", 2_000)] });
    await screen.findByText("first");
    const cards = screen.getAllByTestId("card");
    // jsdom lays nothing out: begin from the first card by hand.
    cards[0]?.focus();
    await fireEvent.keyDown(window, { key: "j" });
    expect(document.activeElement).toBe(cards[1]);
    await fireEvent.keyDown(window, { key: "k" });
    expect(document.activeElement).toBe(cards[0]);
    await fireEvent.keyDown(window, { key: "r" });
    await fireEvent.input(await screen.findByTestId("reply-text"), { target: { value: "yes" } });
    await fireEvent.click(screen.getByTestId("reply-publish"));
    await waitFor(() => expect(backend.published).toMatchObject([{ text: "yes", replyTo: cards[0]?.dataset.id }]));
  });
});

describe("strangers who are near", () => {
  const wren = makePerson("K2mPq0aXs1", "stranger", { named: false, near: true });
  const soup = makePost(wren, "Soup at eight", 2_000);
  const near: NearId[] = [{ id: wren.id, callsThemselves: "Wren", flow: { kind: "level" }, slowed: null }];

  it("are shown to whoever wants to see them, and not before", async () => {
    const backend = open({ people: [bo, wren], near, passing: [soup] }, to.nearbyPosts);
    const choice = await screen.findByTestId("strangers");
    expect(choice.getAttribute("aria-checked")).toBe("false");
    expect(screen.queryByTestId("card")).toBeNull();
    await fireEvent.click(choice);
    const card = await screen.findByTestId("card");
    expect(card.textContent).toContain("Soup at eight");
    expect(card.textContent).toContain("It is not kept here.");
    expect(card.textContent).toContain("calls themselves Wren");
    expect(choice.getAttribute("aria-checked")).toBe("true");
    expect(await backend.settings()).toEqual({ saysHere: true, showsStrangers: true });
    await fireEvent.click(choice);
    await waitFor(() => expect(screen.queryByTestId("card")).toBeNull());
  });

  it("can be followed, but not answered: nothing of theirs is here to be answered", async () => {
    open({ people: [bo, wren], near, passing: [soup], settings: { saysHere: true, showsStrangers: true } }, to.nearbyPosts);
    const card = await screen.findByTestId("card");
    expect(within(card).queryByTestId("reply")).toBeNull();
    expect(within(card).queryByTestId("like")).toBeNull();
    expect(within(card).getByTestId("follow")).toBeTruthy();
    await fireEvent.keyDown(card, { key: "Enter" });
    expect(await screen.findByTestId("person-name")).toBeTruthy();
  });

  it("go with those who wrote it", async () => {
    const boHere: NearId = { id: bo.id, callsThemselves: null, flow: { kind: "level" }, slowed: null };
    const bread = makePost(bo, "Bread is out", 1_000);
    const backend = open({ people: [bo, wren], near: [boHere, ...near], posts: [bread], passing: [soup], settings: { saysHere: true, showsStrangers: true } }, to.nearbyPosts);
    await screen.findByText("Soup at eight");
    backend.setNear([boHere]);
    await waitFor(() => expect(screen.queryByText("Soup at eight")).toBeNull());
    expect(screen.getByText("Bread is out")).toBeTruthy();
  });

  it("keeps what was chosen, and says so when it could not be kept", async () => {
    const backend = open({ people: [bo, wren], near, passing: [soup] }, to.nearbyPosts);
    vi.spyOn(backend, "choose").mockRejectedValueOnce({ code: "disk", message: "The disk is full.", next: "Free some space." });
    const choice = await screen.findByTestId("strangers");
    await fireEvent.click(choice);
    expect((await screen.findByTestId("toast")).textContent).toContain("The disk is full.");
    expect(choice.getAttribute("aria-checked")).toBe("false");
  });
});

describe("a thread", () => {
  it("shows a gap, fills it when the post arrives, and adds replies at the end", async () => {
    const root = makePost(bo, "the question", 1_000);
    const answer = makePost(bo, "an answer", 2_000, { root: root.id });
    const backend = open({ posts: [answer] }, to.thread(answer.id));
    expect(await screen.findByText(/A post is missing here/)).toBeTruthy();
    backend.receive(root);
    expect(await screen.findByText("the question")).toBeTruthy();
    backend.receive(makePost(bo, "one more", 3_000, { root: root.id }));
    await screen.findByText("one more");
    expect(screen.getAllByTestId("card").map((card) => card.dataset.id).slice(0, 2)).toEqual([root.id, answer.id]);
  });

  it("answers the first post, or the one that was chosen", async () => {
    const root = makePost(bo, "question", 1_000);
    const answer = makePost(bo, "answer", 2_000, { root: root.id });
    const backend = open({ posts: [root, answer] }, to.thread(root.id));
    const entries = await screen.findAllByTestId("card");
    await fireEvent.click(within(entries[1] as HTMLElement).getByRole("button", { name: "Reply" }));
    await fireEvent.input(screen.getByTestId("reply-text"), { target: { value: "to you" } });
    await fireEvent.click(screen.getByTestId("reply-publish"));
    await waitFor(() => expect(backend.published).toMatchObject([{ replyTo: answer.id }]));
  });

  it("lets one go on writing to another post, and leaves the keyboard in what is looked at for the same one", async () => {
    const root = makePost(bo, "question", 1_000);
    const answer = makePost(bo, "answer", 2_000, { root: root.id });
    open({ posts: [root, answer] }, to.thread(root.id));
    const entries = await screen.findAllByTestId("card");
    const reply = (entry: number): Promise<boolean> =>
      fireEvent.click(within(entries[entry] as HTMLElement).getByRole("button", { name: "Reply" }));
    await fireEvent.input(screen.getByTestId("reply-text"), { target: { value: "to *you*" } });
    await fireEvent.click(screen.getByTestId("composer-look"));
    await reply(0);
    await waitFor(() => expect(document.activeElement).toBe(screen.getByTestId("composer-preview")));
    await reply(1);
    await waitFor(() => expect(document.activeElement).toBe(screen.getByTestId("reply-text")));
    expect(screen.queryByTestId("composer-preview")).toBeNull();
  });
});
