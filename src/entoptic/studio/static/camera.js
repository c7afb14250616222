// A photo of the camera's.
import { button, make } from "./elements.js";

// Show what the camera sees, in a frame; hand over the photo that is taken.
export async function camera(frame, take, told) {
  told(null);
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: 1280 } });
  } catch {
    told("There is no camera, or the browser may not use it.");
    return;
  }
  const view = make("video", { autoplay: true, playsinline: true, muted: true });
  view.srcObject = stream;
  const end = () => { stream.getTracks().forEach((each) => each.stop()); box.remove(); };
  const box = make("div", { class: "camera" }, view, make("p", { class: "side" },
    button("Take the photo", () => {
      const shot = make("canvas", { width: view.videoWidth, height: view.videoHeight });
      shot.getContext("2d").drawImage(view, 0, 0);
      shot.toBlob((blob) => { end(); take(new File([blob], "camera.jpg")); }, "image/jpeg", 0.93);
    }, { class: "primary" }), button("Cancel", end, { class: "plain" })));
  frame.append(box);
}
