// VitePress's own theme, in the system's font, with more contrast; and the site without a network, after one visit.
import Theme from "vitepress/theme-without-fonts";
import "./site.css";

export default {
  ...Theme,
  enhanceApp(context) {
    Theme.enhanceApp?.(context);
    if (import.meta.env.PROD && !import.meta.env.SSR)
      void navigator.serviceWorker?.register(
        `${context.siteData.value.base}sw.js`,
      );
  },
};
