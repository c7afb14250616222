// A photo of the camera's.
import { button, make } from "./elements.js";

const REASONS = {
  NotAllowedError: "The browser may not use the camera; allow it, beside the address, then press Camera again.",
  NotFoundError: "There is no camera; choose a photo instead.",
  NotReadableError: "Another program uses the camera; end it there, then press Camera again.",
};

// Show what the camera sees, in a frame; hand over the photo that is taken.
export async function camera(frame, take, told) {
  told(null);
  if (!navigator.mediaDevices) { told("Browsers let pages use the camera at localhost or by https only; choose a photo instead."); return; }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: 1280 } });
  } catch (error) {
    told(REASONS[error.name] || `The camera can't be used: ${error.message}`);
    return;
  }
  const before = document.activeElement;
  const view = make("video", { autoplay: true, playsinline: true, muted: true, "aria-label": "What the camera sees", onloadeddata: () => { shoot.disabled = false; shoot.focus(); } });
  const shoot = button("Take the photo", () => {
    const shot = make("canvas", { width: view.videoWidth, height: view.videoHeight });
    shot.getContext("2d").drawImage(view, 0, 0);
    end();
    shot.toBlob((blob) => take(new File([blob], "camera.jpg")), "image/jpeg", 0.93);
  }, { class: "primary", disabled: true });
  const box = make("div", { class: "camera", role: "dialog", "aria-label": "Camera", onkeydown: (event) => { if (event.key === "Escape") end(); } },
    view, make("p", { class: "side" }, shoot, button("Cancel", end, { class: "plain" })));
  view.srcObject = stream;
  frame.append(box);

  function end() {
    stream.getTracks().forEach((each) => each.stop());
    box.remove();
    before?.focus();
  }
}
