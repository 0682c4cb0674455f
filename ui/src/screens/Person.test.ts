/** One person: following, muting, blocking, looking, editing oneself. */
import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it, vi } from "vitest";
import { makePerson, makePost } from "../backend/memory/memory";
import { to } from "../state/route.svelte";
import { ada, bo, open } from "../test-window";

describe("a person", () => {
  it("is followed and unfollowed with a line of what that does", async () => {
    const jun = makePerson("Jun", "stranger");
    open({ people: [jun] }, to.person(jun.id));
    expect((await screen.findByTestId("person-name")).textContent).toBe("Jun");
    expect(await screen.findByText(/Everybody can see whom you follow/)).toBeTruthy();
    await fireEvent.click(screen.getByTestId("follow"));
    expect(await screen.findByTestId("unfollow")).toBeTruthy();
    expect(await screen.findByText("You follow them")).toBeTruthy();
  });

  it("is muted and unmuted with a line of what that does", async () => {
    const post = makePost(bo, "Bread is ready.", 1_000);
    open({ posts: [post] }, to.person(bo.id));
    expect(await screen.findByText("Bread is ready.")).toBeTruthy();
    const mute = await screen.findByTestId("mute");
    expect(document.getElementById(mute.getAttribute("aria-describedby") ?? "")?.textContent).toContain("Only this device knows");
    await fireEvent.click(mute);
    expect(await screen.findByTestId("muted")).toBeTruthy();
    expect(screen.getByText("Bread is ready."), "on their own page they are seen").toBeTruthy();
    location.hash = to.all;
    await waitFor(() => expect(screen.queryByText("Bread is ready.")).toBeNull());
    location.hash = to.person(bo.id);
    await fireEvent.click(await screen.findByTestId("unmute"));
    await waitFor(() => expect(screen.queryByTestId("muted")).toBeNull());
  });

  it.each(["private", "public"] as const)("is blocked in %s, after a question, and shows no posts until unblocked", async (kind) => {
    const post = makePost(bo, "Bread is ready.", 1_000);
    const backend = open({ posts: [post] }, to.person(bo.id));
    const block = vi.spyOn(backend, "block");
    await fireEvent.click(await screen.findByTestId("block"));
    const question = await screen.findByTestId("block-question");
    expect(question.textContent).toContain("Bo");
    expect(question.textContent).toContain("everybody can read that you block them");
    expect(screen.getByTestId<HTMLInputElement>("block-private").checked, "the quiet way unless another is chosen").toBe(true);
    if (kind === "public") await fireEvent.click(screen.getByTestId("block-public"));
    await fireEvent.click(screen.getByTestId("block-now"));
    await waitFor(() => expect(block).toHaveBeenCalledWith(bo.id, kind === "private"));
    expect(await screen.findByTestId("blocked-posts")).toBeTruthy();
    expect(await screen.findByText(kind === "private" ? /Only this device knows/ : /and everybody can read it/)).toBeTruthy();
    expect(screen.queryByText("Bread is ready.")).toBeNull();
    expect(screen.queryByTestId("block-question")).toBeNull();
    expect(screen.queryByTestId("follow")).toBeNull();
    await fireEvent.click(await screen.findByTestId("unblock"));
    expect(await screen.findByText("Bread is ready.")).toBeTruthy();
  });

  it("is looked at without being stored, when that is asked for", async () => {
    const kit = makePerson("Kit", "stranger");
    const seen = { person: kit, callsThemselves: null, through: bo, head: 9, posts: [makePost(kit, "Seen from afar.", 1_000)], next: null };
    const backend = open({ people: [bo, kit], looks: { [kit.id]: seen } }, to.person(kit.id));
    const lookAt = vi.spyOn(backend, "lookAt");
    const look = await screen.findByTestId("look");
    expect(lookAt).not.toHaveBeenCalled();
    await fireEvent.click(look);
    expect((await screen.findByTestId("looked")).textContent).toContain("Nothing of this is stored here");
    expect(screen.getByTestId("looked").textContent).toContain("Bo");
    expect(screen.getByTestId("looked-post").textContent).toContain("Seen from afar.");
    expect(screen.queryByTestId("look"), "that is all they have").toBeNull();
    expect(within(screen.getByTestId("looked-post")).queryByRole("button"), "nothing to like or answer").toBeNull();
  });

  it("is not blocked by somebody who changes their mind, and says why a block was refused", async () => {
    const backend = open({}, to.person(bo.id));
    const block = vi.spyOn(backend, "block").mockRejectedValue({ code: "disk", message: "The disk is full.", next: "Free some space." });
    await fireEvent.click(await screen.findByTestId("block"));
    await fireEvent.click(within(await screen.findByTestId("block-question")).getByText("Cancel"));
    await waitFor(() => expect(screen.queryByTestId("block-question")).toBeNull());
    expect(block).not.toHaveBeenCalled();
    await fireEvent.click(screen.getByTestId("block"));
    await fireEvent.click(await screen.findByTestId("block-now"));
    expect((await screen.findByTestId("toast")).textContent).toContain("The disk is full.");
  });

  it("edits one's own name and words", async () => {
    const backend = open({}, to.person(ada.id));
    const rename = vi.spyOn(backend, "rename");
    const edit = await screen.findByTestId<HTMLButtonElement>("edit-self");
    await waitFor(() => expect(edit.disabled).toBe(false));
    await fireEvent.click(edit);
    await fireEvent.input(await screen.findByTestId("own-name"), { target: { value: "Ada L." } });
    await fireEvent.click(screen.getByTestId("own-save"));
    await waitFor(() => expect(rename).toHaveBeenCalledWith("Ada L.", null));
    await waitFor(() => expect(screen.getByTestId("person-name").textContent).toBe("Ada L."));
  });
});
