import { vitePreprocess } from "@sveltejs/vite-plugin-svelte";

/** Runes everywhere; a component that needs the old mode does not compile. */
export default {
  compilerOptions: { runes: true },
  preprocess: vitePreprocess(),
};
